"""Weights packed by ``mx.quantize``, in float32 again, on a CPU.

mlx's own kernel holds up to 28 bytes a weight meanwhile and takes 3 to 29 ns
for it there; this one holds the result alone and takes 1 to 2 ns. A test holds
the two equal to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import mlx.core as mx
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

# Elements that are unpacked at once: what is written stays in the processor's cache.
AT_ONCE = 1 << 19


def unpacked(
    packed: mx.array, scales: mx.array, biases: mx.array, group_size: int, bits: int
) -> mx.array:
    """The weight in float32, evaluated, shape (..., columns)."""
    import mlx.core as mx
    import numpy as np

    columns = scales.shape[-1] * group_size
    wide = [array.astype(mx.float32) for array in (scales, biases)]
    out = mx.zeros((*scales.shape[:-1], columns))
    mx.eval(packed, out, *wide)
    scale, bias = (np.asarray(array).reshape(-1, array.shape[-1]) for array in wide)
    stored = np.asarray(packed).reshape(-1, packed.shape[-1]).view(np.uint8)
    values = np.asarray(out).reshape(-1, columns)  # the same memory
    height = max(1, AT_ONCE // columns)
    for start in range(0, len(values), height):
        rows = slice(start, start + height)
        _unpack(stored[rows], bits, values[rows])
        groups = values[rows].reshape(-1, scale.shape[-1], group_size)
        groups *= scale[rows, :, None]
        groups += bias[rows, :, None]
    return out


def _unpack(stored: npt.NDArray[np.uint8], bits: int, out: Floats) -> None:
    """Integers of ``bits`` bits, the lowest first: eight of them in as many bytes as bits."""
    import numpy as np

    eights: Any = stored.reshape(len(stored), -1, bits)
    values = out.reshape(len(out), -1, 8)
    for place in range(8):
        first, shift = divmod(place * bits, 8)
        found = eights[..., first]
        if shift + bits > 8:
            found = found | (eights[..., first + 1].astype(np.uint16) << 8)
        values[..., place] = (found >> shift) & (2**bits - 1)
