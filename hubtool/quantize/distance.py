"""How far a quant's predictions are from its base's, with intervals.

Positions of one text depend on each other, so the intervals come from a
bootstrap that draws whole windows (Efron and Tibshirani 1993, chapter 8):
windows are drawn with replacement, each figure is computed anew, and the
middle 95 % of what comes out is the interval.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubtool.errors import CalibrationInvalid

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 2000
_SEED = 0  # the same scores give the same intervals
_AT_ONCE = 100  # resamples whose percentiles are held at a time


@dataclasses.dataclass(frozen=True)
class WindowScore:
    """One window of tokens under both models.

    ``kl`` is KL(base || quant) of each position in nats; ``agreed`` counts
    positions with the same most likely token. The losses are summed negative
    log-likelihoods, in nats, of the ``scored`` tokens that follow one.
    """

    kl: tuple[float, ...]
    agreed: int
    base_loss: float
    quant_loss: float
    scored: int


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float  # over all windows
    low: float  # end of the interval
    high: float  # end of the interval


@dataclasses.dataclass(frozen=True)
class Distance:
    """What changed between a base's predictions and a quant's."""

    mean_nats: Estimate  # KL(base || quant), nats a token
    p99_nats: Estimate  # 99th percentile of the same over positions
    top1_agreement: Estimate  # share (0 to 1) of positions with the same most likely token
    perplexity_ratio: Estimate  # the quant's perplexity over the base's


def mean_kl(scores: Sequence[WindowScore]) -> float:
    """Mean KL over all positions, in nats a token."""
    return math.fsum(value for one in scores for value in one.kl) / _positions(scores)


def base_perplexity(scores: Sequence[WindowScore]) -> float:
    """Of the base, on the text."""
    return math.exp(math.fsum(one.base_loss for one in scores) / sum(one.scored for one in scores))


def distance_of(scores: Sequence[WindowScore]) -> Distance:
    """All figures of one quant with their intervals. Raises CalibrationInvalid for one window."""
    draws = _draws(len(scores))
    positions = [len(one.kl) for one in scores]
    return Distance(
        mean_nats=_ratio(draws, [math.fsum(one.kl) for one in scores], positions),
        p99_nats=_p99(draws, scores),
        top1_agreement=_ratio(draws, [one.agreed for one in scores], positions),
        perplexity_ratio=_exponential(
            _ratio(
                draws,
                [one.quant_loss - one.base_loss for one in scores],
                [one.scored for one in scores],
            )
        ),
    )


def kl_ratio(theirs: Sequence[WindowScore], ours: Sequence[WindowScore]) -> Estimate:
    """Mean KL of one quant over that of another on the same windows, drawn together."""
    return _ratio(
        _draws(len(ours)),
        [math.fsum(one.kl) for one in theirs],
        [math.fsum(one.kl) for one in ours],
    )


def _positions(scores: Sequence[WindowScore]) -> int:
    return sum(len(one.kl) for one in scores)


def _draws(windows: int) -> np.ndarray:
    """How often each window is in each resample: shape (resamples, windows)."""
    import numpy as np

    if windows < 2:
        raise CalibrationInvalid(
            "one window of text gives no interval", "compare on more tokens of it"
        )
    random = np.random.default_rng(_SEED)
    return random.multinomial(windows, [1 / windows] * windows, size=RESAMPLES).astype(float)


def _ratio(draws: np.ndarray, over: Sequence[float], under: Sequence[float]) -> Estimate:
    """sum(over) / sum(under), resampled; 1 where both are 0 in every window."""
    import numpy as np

    top, bottom = np.asarray(over, dtype=float), np.asarray(under, dtype=float)
    if not bottom.any():
        value = 1.0 if not top.any() else math.inf
        return Estimate(value, value, value)
    drawn = (draws @ top) / np.maximum(draws @ bottom, np.finfo(float).tiny)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(float(top.sum() / bottom.sum()), float(low), float(high))


def _p99(draws: np.ndarray, scores: Sequence[WindowScore]) -> Estimate:
    """The 99th percentile over positions: the smallest value with 99 % at or below it."""
    import numpy as np

    values = np.concatenate([np.array(one.kl) for one in scores])
    window = np.repeat(np.arange(len(scores)), [len(one.kl) for one in scores])
    order = np.argsort(values, kind="stable")
    values, window = values[order], window[order]
    once = np.ones((1, len(scores)))
    drawn = [
        _weighted_p99(values, part[:, window])
        for start in range(0, len(draws), _AT_ONCE)
        for part in [draws[start : start + _AT_ONCE]]
    ]
    low, high = np.percentile(np.concatenate(drawn), (2.5, 97.5))
    return Estimate(float(_weighted_p99(values, once[:, window])[0]), float(low), float(high))


def _weighted_p99(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One percentile a row of ``weights``, for ascending ``values``."""
    below = weights.cumsum(axis=1)
    reached = below >= 0.99 * below[:, -1:] - 1e-9
    found: np.ndarray = values[reached.argmax(axis=1)]
    return found


def _exponential(estimate: Estimate) -> Estimate:
    return Estimate(*(math.exp(part) for part in dataclasses.astuple(estimate)))
