"""The levels of a group: a scale and a bias, chosen by search.

A group of weights w is stored as integers q in 0..n with w ~ s q + b. Sought
are the s and b, in the type they are stored in, with the least
sum_i h_i (w_i - s q_i - b)^2, each q_i being the nearest level; h_i says how
much an error in input i counts. The sum has many local minima in (s, b), so
several starts are tried, and scales around the best. (s, b) and q are fitted in
turn: weighted least squares for fixed q, the nearest levels for fixed (s, b).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hubtool.quantize.choice import Choice
from hubtool.quantize.rounding.stored import as_stored

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

FACTORS = (1.02,)  # of the scale, tried after that
# Parts of a group's range cut off below and above.
STARTS = ((0.03, 0.03), (0.1, 0.1))
SMALLEST = 1e-7  # of a scale; mlx uses the same for a group of equal weights


@dataclasses.dataclass(frozen=True)
class Grid:
    """Scales and biases, float32 of shape (groups, rows) with values of the stored type."""

    scales: Floats
    biases: Floats


class GridSearch:
    """The search for all groups of a block of rows at once.

    ``weights`` is (inputs, rows), ``importance`` (inputs,) or, where it differs from row
    to row, (inputs, rows); both float32.
    """

    def __init__(self, weights: Floats, importance: Floats, choice: Choice, dtype: str) -> None:
        import numpy as np

        self._top = np.float32(2**choice.bits - 1)
        self._dtype = dtype
        self._weights = weights.reshape(-1, choice.group_size, weights.shape[-1])
        rows = importance.shape[1] if importance.ndim > 1 else 1
        self._importance = importance.reshape(-1, choice.group_size, rows)
        shape = (self._weights.shape[0], self._weights.shape[2])
        self._errors = np.full(shape, np.inf, np.float32)
        self._scales = np.zeros(shape, np.float32)
        self._biases = np.zeros(shape, np.float32)
        # once, for the fits
        self._weighted = self._weights * self._importance
        self._sum_h = self._importance.sum(axis=1)
        self._sum_hw = self._weighted.sum(axis=1)
        self._sum_hww = np.einsum("gkr,gkr->gr", self._weighted, self._weights, dtype=np.float64)

    def run(self) -> Grid:
        """The best grid of all starts, refined."""
        low, high = self._weights.min(axis=1), self._weights.max(axis=1)
        span = high - low
        self._offer(span / self._top, low)  # as it is: a grid that was used before is found again
        for cut_low, cut_high in STARTS:
            scale = span * ((1 - cut_low - cut_high) / self._top)
            self._offer_fitted(scale, low + cut_low * span)
        for factor in FACTORS:
            # wider or narrower around the middle of the range
            middle = self._biases + self._scales * (self._top / 2)
            scale = self._scales * factor
            self._offer_fitted(scale, middle - scale * (self._top / 2))
        self._offer_fitted(self._scales, self._biases)
        return Grid(self._scales, self._biases)

    @property
    def errors(self) -> Floats:
        """The sum of each group, shape (groups, rows)."""
        return self._errors

    def _offer_fitted(self, scales: Floats, biases: Floats) -> None:
        """Offer the least-squares fit to the levels that ``scales`` and ``biases`` choose."""
        import numpy as np

        levels = self._levels(_safe(scales), biases)
        h_levels = levels * self._importance
        sum_hq = h_levels.sum(axis=1)
        sum_hqq = np.einsum("gkr,gkr->gr", h_levels, levels)
        sum_hqw = np.einsum("gkr,gkr->gr", levels, self._weighted)
        spread = self._sum_h * sum_hqq - sum_hq**2
        covariance = self._sum_h * sum_hqw - sum_hq * self._sum_hw
        flat = spread <= 1e-6 * self._sum_h * sum_hqq  # one level only: nothing to fit a slope to
        scales = np.where(flat, scales, covariance / np.where(flat, 1, spread))
        scales = as_stored(_safe(scales.astype(np.float32)), self._dtype)
        # the bias makes up for what the rounding of the scale did
        biases = (self._sum_hw - scales * sum_hq) / self._sum_h
        biases = as_stored(biases.astype(np.float32), self._dtype)
        # the error with these levels, without another look at the weights; with the nearest
        # levels it can only be less
        s, b = scales.astype(np.float64), biases.astype(np.float64)
        cross = 2 * (s * b * sum_hq - s * sum_hqw - b * self._sum_hw)
        errors = self._sum_hww + s * s * sum_hqq + b * b * self._sum_h + cross
        self._keep(errors.astype(np.float32), scales, biases)

    def _offer(self, scales: Floats, biases: Floats) -> None:
        """Offer these as they are."""
        scales = as_stored(_safe(scales), self._dtype)
        biases = as_stored(biases, self._dtype)
        off = self._levels(scales, biases)
        off *= scales[:, None]
        off += biases[:, None]
        off -= self._weights
        off *= off
        off *= self._importance
        self._keep(off.sum(axis=1), scales, biases)

    def _keep(self, errors: Floats, scales: Floats, biases: Floats) -> None:
        """Keep these for the groups whose error they lower."""
        import numpy as np

        better = errors < self._errors
        np.copyto(self._errors, errors, where=better)
        np.copyto(self._scales, scales, where=better)
        np.copyto(self._biases, biases, where=better)

    def _levels(self, scales: Floats, biases: Floats) -> Floats:
        return nearest_levels(self._weights, scales[:, None], biases[:, None], self._top)


def nearest_levels(weights: Floats, scales: Floats, biases: Floats, top: Any) -> Floats:
    """The integer 0..top whose level lies nearest to each weight, as float32."""
    import numpy as np

    levels = weights - biases
    levels *= 1 / scales
    np.rint(levels, out=levels)
    np.clip(levels, 0, top, out=levels)  # a third of the time of minimum and maximum
    return levels


def _safe(scales: Floats) -> Floats:
    """No scale of zero: it is divided by."""
    import numpy as np

    small = np.abs(scales) < SMALLEST
    return np.where(small, np.float32(SMALLEST), scales)
