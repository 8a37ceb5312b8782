"""Small safetensors files made by hand: real headers, zeros for data."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

ITEM_BYTES = {"BF16": 2, "F16": 2, "F32": 4, "I64": 8, "U32": 4, "U8": 1, "F8_E8M0": 1}

Tensors = Mapping[str, tuple[str, tuple[int, ...]]]  # name -> dtype, shape


def safetensors_bytes(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> bytes:
    """A whole file with these tensors, one after another without gaps."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + ITEM_BYTES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + bytes(end)


def packed_linear(
    name: str, rows: int, columns: int, bits: int, group_size: int = 64, *, biases: bool = True
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of one quantized linear layer as MLX stores them."""
    groups = columns // group_size
    tensors = {
        f"{name}.weight": ("U32", (rows, columns * bits // 32)),
        f"{name}.scales": ("BF16", (rows, groups)),
    }
    if biases:
        tensors[f"{name}.biases"] = ("BF16", (rows, groups))
    return tensors


def write_quant(folder: Path) -> None:
    """A quant folder of two layers, one of 4 bit and one of 8, with its config."""
    folder.mkdir(parents=True, exist_ok=True)
    narrow, wide = "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj"
    tensors = {
        **packed_linear(narrow, 128, 64, 4),
        **packed_linear(wide, 64, 128, 8),
        "model.norm.weight": ("BF16", (64,)),
    }
    (folder / "model.safetensors").write_bytes(safetensors_bytes(tensors, {"format": "mlx"}))
    settings = {"group_size": 64, "bits": 4, "mode": "affine"}
    quantization = {**settings, wide: {**settings, "bits": 8}}
    config = {
        "model_type": "llama",
        "quantization": quantization,
        "quantization_config": quantization,
    }
    (folder / "config.json").write_text(json.dumps(config))
