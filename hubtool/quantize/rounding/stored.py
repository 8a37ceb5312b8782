"""Between mlx arrays and numpy's: weights come in by columns, scales keep their stored type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubtool.quantize.choice import Choice
from hubtool.quantize.rounding.interface import Packed
from hubtool.quantize.rounding.packing import pack

if TYPE_CHECKING:
    import mlx.core as mx
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]
    Integers = np.ndarray[Any, np.dtype[np.uint8]]

_BF16_DROPPED = 16  # bits that bfloat16 lacks of float32


def by_columns(rows: mx.array) -> Floats:
    """A weight of shape (rows, inputs) as float32 of (inputs, rows): columns are contiguous."""
    import mlx.core as mx
    import numpy as np

    if rows.dtype != mx.bfloat16:
        return np.ascontiguousarray(np.array(rows.astype(mx.float32)).T)
    # the upper half of a float32: a fifth of the time that mlx's cast takes on a CPU
    raw = np.array(rows.view(mx.uint16))
    wide = np.empty(raw.shape[::-1], np.uint32)
    np.left_shift(raw.T, np.uint32(_BF16_DROPPED), out=wide)
    return wide.view(np.float32)


def as_stored(values: Floats, dtype: str) -> Floats:
    """``values`` rounded to ``dtype`` (``bfloat16``, ``float16``, ``float32``), as float32."""
    import numpy as np

    if dtype == "float32":
        return values
    if dtype == "float16":
        return values.astype(np.float16).astype(np.float32)
    raw = values.view(np.uint32)
    # to nearest, ties to even: what mlx's own cast does
    odd = (raw >> np.uint32(_BF16_DROPPED)) & np.uint32(1)
    rounded = (raw + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def packed_from(
    integers: Integers, scales: Floats, biases: Floats, choice: Choice, like: mx.array
) -> Packed:
    """What a QuantizedLinear holds, from ``integers``, (inputs, rows); the rest is (groups, rows).

    ``like`` is the weight that was rounded: its shape and type are kept.
    """
    import mlx.core as mx
    import numpy as np

    outer = like.shape[:-1]

    def stored(values: Floats) -> mx.array:
        return mx.array(np.ascontiguousarray(values.T)).astype(like.dtype).reshape(*outer, -1)

    words = pack(np.ascontiguousarray(integers.T), choice.bits)
    return Packed(mx.array(words).reshape(*outer, -1), stored(scales), stored(biases))


def dtype_name(array: mx.array) -> str:
    """``bfloat16`` for an array of mlx's bfloat16, and so on."""
    return str(array.dtype).rpartition(".")[2]
