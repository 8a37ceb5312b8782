"""Figures of a quant and their intervals, from scores of windows made up here."""

from __future__ import annotations

import math
import random

import pytest

from hubtool.errors import CalibrationInvalid
from hubtool.quantize.distance import (
    WindowScore,
    base_perplexity,
    distance_of,
    kl_ratio,
    mean_kl,
)


def window(kl: list[float], *, agreed: int = 0, losses: tuple[float, float] = (0.0, 0.0)):  # type: ignore[no-untyped-def]
    return WindowScore(tuple(kl), agreed, *losses, scored=len(kl) - 1)


def drawn(windows: int, seed: int, level: float = 0.1) -> list[WindowScore]:
    """Windows of 20 positions whose KL varies more from window to window than inside of one."""
    source = random.Random(seed)
    found = []
    for _ in range(windows):
        here = level * source.lognormvariate(0, 0.5)
        found.append(window([here * source.lognormvariate(0, 0.2) for _ in range(20)]))
    return found


def test_figures_are_over_positions_not_over_windows() -> None:
    scores = [
        window([1.0, 1.0, 1.0, 1.0], agreed=4, losses=(6.0, 9.0)),
        window([4.0, 4.0], agreed=0, losses=(2.0, 3.0)),
    ]
    found = distance_of(scores)
    assert found.mean_nats.value == mean_kl(scores) == 2.0
    assert found.top1_agreement.value == pytest.approx(4 / 6)
    assert found.p99_nats.value == 4.0
    assert base_perplexity(scores) == pytest.approx(math.exp(8 / 4))
    assert found.perplexity_ratio.value == pytest.approx(math.exp((12 - 8) / 4))


def test_the_99th_percentile_is_a_value_that_occurs() -> None:
    values = [float(n) for n in range(1, 201)]
    found = distance_of([window(values[::2]), window(values[1::2])])
    assert found.p99_nats.value == 198.0


def test_windows_that_agree_leave_no_doubt_and_windows_that_differ_do() -> None:
    alike = distance_of([window([0.5, 1.5])] * 8).mean_nats
    assert (alike.low, alike.value, alike.high) == (1.0, 1.0, 1.0)
    apart = distance_of([window([n / 4, n / 4]) for n in range(9)]).mean_nats
    assert apart.low < 0.7 < apart.value == 1.0 < 1.3 < apart.high


def test_the_interval_of_the_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    """Positions of a window depend on each other: intervals over positions would cover half."""
    truth = 0.1 * math.exp(0.5**2 / 2 + 0.2**2 / 2)
    runs = [distance_of(drawn(32, seed)).mean_nats for seed in range(30)]
    assert sum(one.low <= truth <= one.high for one in runs) >= 25


def test_two_quants_are_compared_on_the_same_draws() -> None:
    """Half of every window's divergence is half for sure, however windows differ."""
    ours = drawn(12, seed=1)
    theirs = [window([2 * value for value in one.kl]) for one in ours]
    ratio = kl_ratio(theirs, ours)
    assert ratio.value == pytest.approx(2.0)
    assert (ratio.low, ratio.high) == (pytest.approx(2.0), pytest.approx(2.0))
    assert kl_ratio([window([0.0, 0.0])] * 2, [window([0.0, 0.0])] * 2).value == 1.0


def test_the_same_scores_give_the_same_intervals() -> None:
    assert distance_of(drawn(10, seed=3)) == distance_of(drawn(10, seed=3))


def test_one_window_is_refused_rather_than_called_certain() -> None:
    with pytest.raises(CalibrationInvalid, match="one window"):
        distance_of([window([1.0, 2.0])])
