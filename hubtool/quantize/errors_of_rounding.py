"""Q(W) - W for many choices at once, in float32.

mlx's own kernels take 5 to 13 ns a weight on a CPU to round and to expand;
the same arithmetic in numpy takes 1.5 ns and shares the groups' extremes
among the widths. A test holds the two equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubtool.quantize.arrays import Array, on_cpu
from hubtool.quantize.choice import Choice
from hubtool.quantize.nats import as_numpy
from hubtool.quantize.rounding.stored import as_stored, dtype_name
from hubtool.quantize.weights import rounding_error

if TYPE_CHECKING:
    import mlx.core as mx

    from hubtool.quantize.nats import Floats

_LEAST_SCALE = 1e-7  # mlx's own


def rounding_errors(weight: mx.array, choices: Sequence[Choice]) -> Array:
    """Errors of nearest rounding, shape (choices, rows, columns), for a weight of (rows, columns).

    Q(W) - W is what mlx stores minus what the weight's own type holds.
    """
    import mlx.core as mx

    if on_cpu():
        return _nearest(weight, choices)
    errors = [rounding_error(weight, choice.group_size, choice.bits) for choice in choices]
    return mx.stack(errors)


def _nearest(weight: mx.array, choices: Sequence[Choice]) -> Floats:
    import mlx.core as mx
    import numpy as np

    exact = as_numpy(weight.astype(mx.float32))
    out: Floats = np.empty((len(choices), *exact.shape), np.float32)
    by_size = _extremes(exact, {choice.group_size for choice in choices})
    for errors, choice in zip(out, choices, strict=True):
        groups, into = (array.reshape(-1, choice.group_size) for array in (exact, errors))
        _round(groups, by_size[choice.group_size], choice.bits, dtype_name(weight), into)
    return out


def _extremes(exact: Floats, sizes: set[int]) -> dict[int, tuple[Floats, Floats]]:
    """The least and the largest of every group, for groups of each of ``sizes``.

    Every size is a multiple of the smallest: its extremes are those of smaller groups.
    """
    import numpy as np

    smallest = min(sizes)
    by_place = np.ascontiguousarray(exact.reshape(-1, smallest).T)  # numpy is slow along short rows
    low, high = by_place.min(axis=0), by_place.max(axis=0)
    return {
        size: (
            low.reshape(-1, size // smallest).min(axis=1),
            high.reshape(-1, size // smallest).max(axis=1),
        )
        for size in sizes
    }


def _round(
    groups: Floats, extremes: tuple[Floats, Floats], bits: int, stored: str, out: Floats
) -> None:
    """What ``mx.quantize`` stores for ``groups`` minus what they are, into ``out``.

    Levels are chosen with a float32 scale; ``stored`` is the type of the scale that is kept.
    """
    import numpy as np

    low, high = extremes
    levels = np.float32(2**bits - 1)
    downward = np.abs(low) > np.abs(high)
    scale = np.maximum((high - low) / levels, np.float32(_LEAST_SCALE))
    scale = np.where(downward, scale, -scale)
    edge = np.where(downward, low, high)
    steps = np.rint(edge / scale)
    some = steps != 0
    scale = np.where(some, edge / np.where(some, steps, 1), scale)[:, None]
    bias = np.where(some, edge, np.float32(0))[:, None]
    np.subtract(groups, bias, out=out)
    np.divide(out, scale, out=out)
    np.rint(out, out=out)
    np.clip(out, 0, levels, out=out)
    np.multiply(out, as_stored(scale, stored), out=out)
    np.add(out, as_stored(bias, stored), out=out)
    np.subtract(out, groups, out=out)
