"""The Capability Score: one figure from six benchmarks, or an honest part of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from hubtool.scores.noise import Paired, interval, pair, paired_error, standard_error
from hubtool.scores.record import Score, ScoreSet, differing_settings

SIX = ("mmlu", "gsm8k", "ifeval", "bfcl", "humaneval", "hashhop")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One benchmark on both sides. Percent, unrounded; ``delta_points`` is candidate - baseline.

    Intervals are of 95 %; ``noise_points`` is one standard error of the delta.
    ``differs`` names settings that are not the same on both sides.
    """

    benchmark: str  # id: mmlu, gsm8k, ...
    display_name: str  # with its setting
    metric: str  # what was counted
    n: int  # items
    candidate_percent: float  # 0 to 100
    candidate_interval: tuple[float, float]  # 95 %, in percent
    baseline_percent: float | None = None  # 0 to 100
    baseline_interval: tuple[float, float] | None = None  # 95 %, in percent
    delta_points: float | None = None  # candidate - baseline
    noise_points: float | None = None  # one standard error of the delta
    paired: Paired | None = None  # item by item, where both list failures
    partial: bool = False  # cut short on a side
    differs: tuple[str, ...] = ()  # settings that are not the same on both sides


@dataclasses.dataclass(frozen=True)
class Capability:
    """The mean over benchmarks, unrounded: round once, when it is printed.

    ``complete``: all six are there, on both sides if there is a baseline, with
    the same settings, and none is partial. Otherwise it is the mean of
    ``rows`` and must be named so. ``comparable``: no row's settings differ.
    """

    rows: tuple[Comparison, ...]  # one benchmark each
    complete: bool  # all six, on both sides, alike and whole
    comparable: bool  # no row's settings differ
    candidate_mean: float  # unrounded
    baseline_mean: float | None  # unrounded
    delta_points: float | None  # candidate - baseline, unrounded
    noise_points: float | None  # one standard error of the delta


def compare(scores: ScoreSet) -> Capability | None:
    """Candidate against baseline over the benchmarks that both sides have; None without scores."""
    baseline = {score.benchmark: score for score in scores.baseline}
    ordered = sorted(scores.candidate, key=_place)
    rows = tuple(
        _row(score, baseline.get(score.benchmark))
        for score in ordered
        if not baseline or score.benchmark in baseline
    )
    if not rows:
        return None
    comparable = not any(row.differs for row in rows)
    candidate_mean = _mean([row.candidate_percent for row in rows])
    theirs = [row.baseline_percent for row in rows if row.baseline_percent is not None]
    baseline_mean = _mean(theirs) if theirs else None
    noises = [row.noise_points for row in rows if row.noise_points is not None]
    return Capability(
        rows=rows,
        complete={row.benchmark for row in rows} == set(SIX)
        and comparable
        and not any(row.partial for row in rows),
        comparable=comparable,
        candidate_mean=candidate_mean,
        baseline_mean=baseline_mean,
        delta_points=None if baseline_mean is None else candidate_mean - baseline_mean,
        noise_points=math.hypot(*noises) / len(noises) if noises else None,
    )


def _row(candidate: Score, baseline: Score | None) -> Comparison:
    ours = Comparison(
        benchmark=candidate.benchmark,
        display_name=candidate.display_name,
        metric=candidate.metric,
        n=candidate.n,
        candidate_percent=candidate.value_percent,
        candidate_interval=interval(candidate),
        partial=candidate.partial,
    )
    if baseline is None:
        return ours
    paired = pair(candidate, baseline)
    return dataclasses.replace(
        ours,
        baseline_percent=baseline.value_percent,
        baseline_interval=interval(baseline),
        delta_points=candidate.value_percent - baseline.value_percent,
        noise_points=paired_error(paired, candidate.n)
        if paired
        else math.hypot(standard_error(candidate), standard_error(baseline)),
        paired=paired,
        partial=candidate.partial or baseline.partial,
        differs=differing_settings(candidate, baseline),
    )


def _place(score: Score) -> tuple[int, str]:
    known = score.benchmark in SIX
    return (SIX.index(score.benchmark) if known else len(SIX), score.benchmark)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
