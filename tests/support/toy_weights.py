"""Small safetensors files made by hand: real headers, zeros for data."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping

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
