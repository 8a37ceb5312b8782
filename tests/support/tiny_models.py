"""Language models of real architectures, a few thousand parameters each, saved as checkpoints.

Weights are drawn from a fixed seed and scaled so that predictions are far
from uniform: quantizing such a model changes something.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hubtool.quantize.calibration import Window

VOCABULARY = 128

_COMMON: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "intermediate_size": 128,
    "vocab_size": VOCABULARY,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 512,
    "rope_theta": 10000.0,
}

CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {**_COMMON, "model_type": "llama", "tie_word_embeddings": False},
    "tied": {**_COMMON, "model_type": "llama", "tie_word_embeddings": True},
    "biased": {**_COMMON, "model_type": "qwen2", "tie_word_embeddings": True},
    "moe": {
        **_COMMON,
        "model_type": "qwen3_moe",
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 64,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "norm_topk_prob": True,
        "tie_word_embeddings": False,
    },
    "gemma4": {
        **_COMMON,
        "model_type": "gemma4_text",
        "num_hidden_layers": 4,
        "global_head_dim": 64,
        "hidden_size_per_layer_input": 16,
        "vocab_size_per_layer_input": VOCABULARY,
        "num_kv_shared_layers": 2,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "sliding_window": 32,
        "tie_word_embeddings": True,
    },
}


def save_tiny_model(folder: Path, kind: str, *, seed: int = 0, scale: float = 1.5) -> Path:
    """Write the checkpoint ``CONFIGS[kind]`` (bfloat16) with a byte tokenizer into ``folder``."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.utils import _get_classes

    config = CONFIGS[kind]
    model_class, args_class = _get_classes(config)
    model = model_class(args_class.from_dict(config))
    names = sorted(tree_flatten(model.parameters()))
    keys = mx.random.split(mx.random.key(seed), len(names))
    weights = {}
    for (name, array), key in zip(names, keys, strict=True):
        if array.ndim > 1:
            deviation = scale / array.shape[-1] ** 0.5
            array = deviation * mx.random.normal(array.shape, key=key)
        elif name.endswith("bias"):  # mlx draws it from the process's own generator
            array = 0.1 * mx.random.normal(array.shape, key=key)
        weights[name] = array.astype(mx.bfloat16)
    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config))
    save_byte_tokenizer(folder)
    return folder


def save_byte_tokenizer(folder: Path) -> None:
    """A tokenizer with one token for each ASCII character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {chr(code): code for code in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "\x00"})
    )


class TextMix:
    """A calibration mix of two domains: one window a sentence, cut to an even length."""

    sha256 = "of a test"
    domains = ("prose", "code")
    _SENTENCES = (
        "The kettle boiled over while Ada wrote the last line of her letter.",
        "for row in table: total += row['price'] * row['count']; print(total)",
        "Rain fell on the harbour all night, and no boat went out before nine.",
        "def clamp(value, low, high): return max(low, min(high, value)) # safe",
    )

    def token_windows(self, tokenizer: Any, total_tokens: int, *, longest: int = 512) -> Any:
        """Windows of ``total_tokens`` in all."""
        length = min(longest, total_tokens // len(self._SENTENCES))
        return tuple(
            Window(self.domains[number % 2], tuple(tokenizer.encode(sentence)[:length]))
            for number, sentence in enumerate(self._SENTENCES)
        )
