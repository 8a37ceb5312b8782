"""Fitting each group once more, with all others as they are.

With H = E[x x^T] and r = w - w' what a row lost, its outputs are off by r H r^T
in the mean square. For one group all else being fixed, that is a quadratic in
its scale and bias (solved exactly), and in each of its levels (the best one is
the nearest to w'_k + (H r)_k / H_kk). H r is carried along.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

from hubtool.quantize.choice import Choice
from hubtool.quantize.rounding.grid import SMALLEST
from hubtool.quantize.rounding.stored import as_stored

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

SWEEPS = 1


@dataclasses.dataclass
class Rounded:
    """Levels (inputs, rows), scales and biases (groups, rows), all float32."""

    levels: Floats
    scales: Floats
    biases: Floats
    top: int

    @classmethod
    def empty(cls, inputs: int, rows: int, choice: Choice) -> Self:
        """Room for a weight of this shape."""
        import numpy as np

        groups = inputs // choice.group_size
        levels = np.empty((inputs, rows), np.float32)
        scales, biases = (np.empty((groups, rows), np.float32) for _ in range(2))
        return cls(levels, scales, biases, 2**choice.bits - 1)

    def set_nearest(self, column: int, wanted: Floats, group: int) -> None:
        """The levels of ``column`` that lie nearest to ``wanted``."""
        import numpy as np

        level = self.levels[column]
        np.subtract(wanted, self.biases[group], out=level)
        level /= self.scales[group]
        np.rint(level, out=level)
        np.clip(level, 0, self.top, out=level)

    def value(self, columns: int | slice, group: int) -> Floats:
        """What is stored for ``columns``, all of one group."""
        values: Floats = self.levels[columns] * self.scales[group] + self.biases[group]
        return values


def refine(rounded: Rounded, weights: Floats, hessian: Floats, choice: Choice, dtype: str) -> None:
    """Lower r H r^T of every row of ``weights``, (inputs, rows), by changing ``rounded``."""
    import numpy as np

    size = choice.group_size
    groups = [slice(start, start + size) for start in range(0, len(weights), size)]
    stored = np.concatenate([rounded.value(group, n) for n, group in enumerate(groups)])
    pull = hessian @ (weights - stored)  # H r
    for _ in range(SWEEPS):
        for number, group in enumerate(groups):
            before = rounded.value(group, number)
            own = hessian[group, group]
            left = _fit_grid(rounded, number, group, pull[group], own, dtype)
            _fit_levels(rounded, number, group, left, own)
            pull -= hessian[:, group] @ (rounded.value(group, number) - before)


def _fit_grid(
    rounded: Rounded, number: int, group: slice, pull: Floats, own: Floats, dtype: str
) -> Floats:
    """The best scale and bias for the levels, where they gain; returns H r of the group after."""
    import numpy as np

    levels, before = rounded.levels[group], rounded.value(group, number)
    wanted = own @ before + pull
    pushed, total = own @ levels, own.sum(axis=1)[:, None]
    squares, cross, flat = (levels * pushed).sum(0), (levels * total).sum(0), own.sum()
    first, second = (levels * wanted).sum(0), wanted.sum(0)
    determinant = squares * flat - cross * cross
    solvable = determinant > 1e-6 * squares * flat
    scales = (flat * first - cross * second) / np.where(solvable, determinant, 1)
    scales = as_stored(scales.astype(np.float32), dtype)
    solvable &= np.abs(scales) > SMALLEST
    scales = np.where(solvable, scales, rounded.scales[number])
    biases = as_stored(((second - cross * scales) / flat).astype(np.float32), dtype)
    change = levels * scales + biases - before
    pushed = own @ change
    gains = (change * (2 * pull - pushed)).sum(0) > 0  # rounding to the stored type may undo it
    rounded.scales[number] = np.where(gains, scales, rounded.scales[number])
    rounded.biases[number] = np.where(gains, biases, rounded.biases[number])
    return pull - np.where(gains, pushed, 0)


def _fit_levels(rounded: Rounded, number: int, group: slice, pull: Floats, own: Floats) -> None:
    """Each column's best levels in turn. Overwrites ``pull``."""
    for place, column in enumerate(range(group.start, group.stop)):
        before = rounded.value(column, number)
        rounded.set_nearest(column, before + pull[place] / own[place, place], number)
        following = slice(place + 1, None)  # those before have had their turn
        change = rounded.value(column, number) - before
        pull[following] -= own[following, place, None] * change
