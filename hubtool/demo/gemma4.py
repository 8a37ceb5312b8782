"""A small vision-language model of Gemma 4's architecture, with weights drawn from a seed.

Names, shapes and files are those of the published checkpoints: shared-KV
layers, per-layer inputs, a vision tower with clipped linears, a processor. It
has learnt nothing; it shows that every part of such a model arrives intact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.demo.folder import write_apache_licence, write_bf16, write_card, write_json

if TYPE_CHECKING:
    import numpy as np

REPO = "demo/gemma-4-tiny-it"
SPECIAL_TOKENS = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>",
    "<|image>", "<|image|>", "<image|>", "<|video|>", "<|audio>", "<|audio|>", "<audio|>",
)  # fmt: skip
VOCABULARY = 320  # the special tokens, every byte, and room to a multiple of 64
SOFT_TOKENS = 70  # image tokens per image

TEXT: dict[str, Any] = {
    "model_type": "gemma4_text",
    "hidden_size": 320,
    "intermediate_size": 768,
    "num_hidden_layers": 10,
    "num_attention_heads": 5,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "global_head_dim": 128,
    "num_kv_shared_layers": 4,
    "hidden_size_per_layer_input": 64,
    "use_double_wide_mlp": True,
    "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 2,
    "sliding_window": 128,
    "vocab_size": VOCABULARY,
    "vocab_size_per_layer_input": VOCABULARY,
    "rms_norm_eps": 1e-6,
    "final_logit_softcapping": 30.0,
    "max_position_embeddings": 4096,
    "hidden_activation": "gelu_pytorch_tanh",
    "attention_k_eq_v": False,
    "tie_word_embeddings": True,
    "dtype": "bfloat16",
    "rope_parameters": {
        "full_attention": {
            "partial_rotary_factor": 0.25,
            "rope_theta": 1000000.0,
            "rope_type": "proportional",
        },
        "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"},
    },
}
VISION: dict[str, Any] = {
    "model_type": "gemma4_vision",
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "global_head_dim": 64,
    "patch_size": 16,
    "pooling_kernel_size": 3,
    "position_embedding_size": 256,
    "default_output_length": SOFT_TOKENS,
    "use_clipped_linears": True,
    "rms_norm_eps": 1e-6,
    "dtype": "bfloat16",
}
FRONT_MATTER = """
library_name: transformers
license: apache-2.0
language:
- en
pipeline_tag: image-text-to-text
"""
BODY = """
# gemma-4-tiny-it

A model of the Gemma 4 architecture with random weights, made by `hubtool demo`. It has learnt
nothing; it is there to rehearse the release of a vision-language model.
"""
CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
{{- '<|turn>' + message['role'] + '\\n' -}}
{%- if message['content'] is string -%}
{{- message['content'] | trim -}}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{- '<|image|>' -}}
{%- elif part['type'] == 'text' -%}{{- part['text'] | trim -}}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<turn|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}{%- endif -%}
"""


def build_gemma4(folder: Path, *, seed: int = 0) -> Path:
    """Write the base into ``folder`` (about 30 MB); equal seeds give equal bytes."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    shapes = dict([*_language_shapes(), *_vision_shapes()])
    tensors = {name: _draw(random, name, shape) for name, shape in sorted(shapes.items())}
    write_bf16(folder / "model.safetensors", tensors)
    write_json(folder / "config.json", _config())
    write_json(
        folder / "generation_config.json",
        {"bos_token_id": 2, "eos_token_id": [1, 5], "pad_token_id": 0},
    )
    write_json(folder / "processor_config.json", _processor())
    _write_tokenizer(folder)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    write_apache_licence(folder)
    write_card(folder, FRONT_MATTER, BODY)
    return folder


def _draw(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights that keep activations at one, norms near one, clipping that does little."""
    import numpy as np

    if name.endswith(("_min", "_max")):
        return np.full(shape, -40.0 if name.endswith("_min") else 40.0, np.float32)
    if name.endswith("layer_scalar"):
        return np.ones(shape, np.float32)
    if name.endswith("norm.weight"):
        return (1 + 0.1 * random.standard_normal(shape)).astype(np.float32)
    deviation = 0.07 if "embed_tokens" in name else 1.2 / math.sqrt(shape[-1])
    return (deviation * random.standard_normal(shape)).astype(np.float32)


def _language_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, per_layer, layers = (
        TEXT["hidden_size"],
        TEXT["hidden_size_per_layer_input"],
        TEXT["num_hidden_layers"],
    )
    top = "model.language_model."
    yield f"{top}embed_tokens.weight", (VOCABULARY, hidden)
    yield f"{top}embed_tokens_per_layer.weight", (VOCABULARY, layers * per_layer)
    yield f"{top}per_layer_model_projection.weight", (layers * per_layer, hidden)
    yield f"{top}per_layer_projection_norm.weight", (per_layer,)
    yield f"{top}norm.weight", (hidden,)
    for number, kind in enumerate(TEXT["layer_types"]):
        shared = number >= layers - TEXT["num_kv_shared_layers"]
        width = TEXT["intermediate_size"] * (2 if shared else 1)
        head = TEXT["global_head_dim" if kind == "full_attention" else "head_dim"]
        layer = f"{top}layers.{number}."
        queries, keys = TEXT["num_attention_heads"] * head, TEXT["num_key_value_heads"] * head
        yield f"{layer}self_attn.q_proj.weight", (queries, hidden)
        # shared layers carry these as well, unused: so do the published checkpoints
        yield f"{layer}self_attn.k_proj.weight", (keys, hidden)
        yield f"{layer}self_attn.v_proj.weight", (keys, hidden)
        yield f"{layer}self_attn.o_proj.weight", (hidden, queries)
        yield f"{layer}self_attn.q_norm.weight", (head,)
        yield f"{layer}self_attn.k_norm.weight", (head,)
        yield f"{layer}mlp.gate_proj.weight", (width, hidden)
        yield f"{layer}mlp.up_proj.weight", (width, hidden)
        yield f"{layer}mlp.down_proj.weight", (hidden, width)
        yield f"{layer}per_layer_input_gate.weight", (per_layer, hidden)
        yield f"{layer}per_layer_projection.weight", (hidden, per_layer)
        yield f"{layer}layer_scalar", (1,)
        for norm in (*_NORMS, "post_per_layer_input_norm"):
            yield f"{layer}{norm}.weight", (hidden,)


_NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)


def _vision_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, width = VISION["hidden_size"], VISION["intermediate_size"]
    heads = VISION["num_attention_heads"] * VISION["head_dim"]
    top = "model.vision_tower."
    yield "model.embed_vision.embedding_projection.weight", (TEXT["hidden_size"], hidden)
    yield f"{top}patch_embedder.input_proj.weight", (hidden, 3 * VISION["patch_size"] ** 2)
    table = (2, VISION["position_embedding_size"], hidden)
    yield f"{top}patch_embedder.position_embedding_table", table
    for number in range(VISION["num_hidden_layers"]):
        layer = f"{top}encoder.layers.{number}."
        linears = {
            "self_attn.q_proj": (heads, hidden),
            "self_attn.k_proj": (heads, hidden),
            "self_attn.v_proj": (heads, hidden),
            "self_attn.o_proj": (hidden, heads),
            "mlp.gate_proj": (width, hidden),
            "mlp.up_proj": (width, hidden),
            "mlp.down_proj": (hidden, width),
        }
        for name, shape in linears.items():
            yield f"{layer}{name}.linear.weight", shape
            for bound in ("input_min", "input_max", "output_min", "output_max"):
                yield f"{layer}{name}.{bound}", ()
        yield f"{layer}self_attn.q_norm.weight", (VISION["head_dim"],)
        yield f"{layer}self_attn.k_norm.weight", (VISION["head_dim"],)
        for norm in _NORMS:
            yield f"{layer}{norm}.weight", (hidden,)


def _config() -> dict[str, Any]:
    return {
        "architectures": ["Gemma4ForConditionalGeneration"],
        "model_type": "gemma4",
        "text_config": TEXT,
        "vision_config": VISION,
        "audio_config": None,
        "vocab_size": VOCABULARY,  # mlx-lm reads it here
        "hidden_size": TEXT["hidden_size"],
        "image_token_id": SPECIAL_TOKENS.index("<|image|>"),
        "boi_token_id": SPECIAL_TOKENS.index("<|image>"),
        "eoi_token_id": SPECIAL_TOKENS.index("<image|>"),
        "video_token_id": SPECIAL_TOKENS.index("<|video|>"),
        "audio_token_id": SPECIAL_TOKENS.index("<|audio|>"),
        "boa_token_id": SPECIAL_TOKENS.index("<|audio>"),
        "eoa_token_id": SPECIAL_TOKENS.index("<audio|>"),
        "pad_token_id": 0,
        "eos_token_id": [1, 5],
        "vision_soft_tokens_per_image": SOFT_TOKENS,
        "tie_word_embeddings": True,
        "dtype": "bfloat16",
    }


def _processor() -> dict[str, Any]:
    return {
        "processor_class": "Gemma4Processor",
        "image_seq_length": SOFT_TOKENS,
        "image_processor": {
            "image_processor_type": "Gemma4ImageProcessor",
            "patch_size": VISION["patch_size"],
            "pooling_kernel_size": VISION["pooling_kernel_size"],
            "max_soft_tokens": SOFT_TOKENS,
            "do_resize": True,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": False,
            "do_convert_rgb": True,
        },
    }


def _write_tokenizer(folder: Path) -> None:
    """One token a byte, and Gemma 4's special tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*SPECIAL_TOKENS, *letters))}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": "<pad>",
            "eos_token": "<eos>",
            "bos_token": "<bos>",
            "unk_token": "<unk>",
            "model_max_length": TEXT["max_position_embeddings"],
            "extra_special_tokens": {
                "image_token": "<|image|>",
                "boi_token": "<|image>",
                "eoi_token": "<image|>",
                "video_token": "<|video|>",
            },
        },
    )
