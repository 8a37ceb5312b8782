"""Integers of 2 to 8 bits into the words of mlx's affine format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_TOGETHER = 8  # values of b bits each are b whole bytes


def pack(values: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """``values`` (uint8, shape (rows, n)) as uint32 words of shape (rows, n x bits / 32).

    n is a multiple of 32.

    The format is one stream of bits a row, the low bits of the first value
    first (a test lets mlx read it back).
    """
    import numpy as np

    rows, count = values.shape
    together = 8 // bits
    if together * bits == 8:  # whole values in a byte: half the time
        stream = values[:, ::together].copy()
        for place in range(1, together):
            stream |= values[:, place::together] << np.uint8(bits * place)
        return stream.view("<u4")
    eights = values.reshape(rows, count // _TOGETHER, _TOGETHER)
    words = np.zeros(eights.shape[:2], dtype="<u8")
    for place in range(_TOGETHER):
        words |= eights[..., place].astype("<u8") << np.uint64(bits * place)
    used = words.view(np.uint8).reshape(*words.shape, 8)[..., :bits]
    return np.ascontiguousarray(used).reshape(rows, -1).view("<u4")
