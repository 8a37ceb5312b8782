"""A base of Llama's shape and of any size: bfloat16, random weights, shards of 2 GB."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from hubtool.artifact.write_tensors import PlannedTensor, TensorFiles

GB = 1_000_000_000
VOCABULARY = 32_000
SHARD_BYTES = 2 * GB


def config_of(size_gb: float) -> dict[str, Any]:
    """A Llama of about ``size_gb`` in bfloat16: wider with its size, as real ones are."""
    hidden = 1024 if size_gb < 1 else 2048 if size_gb < 4 else 4096
    inner = hidden * 11 // 4
    layer = hidden * hidden * 2 + hidden * hidden // 4 * 2 + 3 * hidden * inner
    layers = max(1, round((size_gb * GB / 2 - 2 * VOCABULARY * hidden) / layer))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 128,
        "num_key_value_heads": hidden // 512,
        "head_dim": 128,
        "vocab_size": VOCABULARY,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def make_base(folder: Path, size_gb: float) -> int:
    """Write such a base; returns the bytes of its weights. One tensor is in memory at a time."""
    import mlx.core as mx

    folder.mkdir(parents=True)
    config = config_of(size_gb)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Synthetic\n")
    shutil.copyfile(Path(__file__).parents[1] / "LICENSE", folder / "LICENSE")
    _write_tokenizer(folder)
    shards = _shards(config)
    names = [f"model-{i:05d}-of-{len(shards):05d}.safetensors" for i in range(1, len(shards) + 1)]
    plan = dict(zip(names, shards, strict=True))
    with TensorFiles(folder, plan) as out:
        for number, tensor in enumerate(one for shard in shards for one in shard):
            scale = 1.0 if len(tensor.shape) == 1 else 0.7 * tensor.shape[-1] ** -0.5
            drawn = mx.random.uniform(-1.7, 1.7, tensor.shape, key=mx.random.key(number))
            value = mx.ones(tensor.shape) if len(tensor.shape) == 1 else drawn * scale
            out.write(tensor.name, value.astype(mx.bfloat16))
    weight_map = {tensor.name: name for name, shard in plan.items() for tensor in shard}
    total = sum(tensor.size_bytes for shard in shards for tensor in shard)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def _shards(config: dict[str, Any]) -> list[list[PlannedTensor]]:
    """All tensors by their Hub names, in files of up to ``SHARD_BYTES``."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    narrow = config["num_key_value_heads"] * config["head_dim"]
    layer = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (narrow, hidden),
        "self_attn.v_proj": (narrow, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens": (VOCABULARY, hidden)}
    for number in range(config["num_hidden_layers"]):
        shapes |= {f"model.layers.{number}.{name}": shape for name, shape in layer.items()}
    shapes |= {"model.norm": (hidden,), "lm_head": (VOCABULARY, hidden)}
    shards: list[list[PlannedTensor]] = [[]]
    for name, shape in shapes.items():
        tensor = PlannedTensor(f"{name}.weight", "BF16", shape)
        if sum(one.size_bytes for one in shards[-1]) + tensor.size_bytes > SHARD_BYTES:
            shards.append([])
        shards[-1].append(tensor)
    return shards


def _write_tokenizer(folder: Path) -> None:
    """One token for each ASCII character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {chr(code): code for code in range(128)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(folder / "tokenizer.json"))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": chr(2)}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind))
