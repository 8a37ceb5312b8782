"""The Capability Score: one figure from six benchmarks, or an honest part of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from hubtool.scores.record import Score, ScoreSet

SIX = ("mmlu", "gsm8k", "ifeval", "bfcl", "humaneval", "hashhop")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One benchmark on both sides. Percent, unrounded; ``delta_points`` is candidate - baseline."""

    benchmark: str
    display_name: str
    candidate_percent: float
    baseline_percent: float | None
    delta_points: float | None
    noise_points: float | None  # one standard error of the delta; None if n is unknown


@dataclasses.dataclass(frozen=True)
class Capability:
    """The mean over benchmarks, unrounded: round once, when it is printed.

    ``complete``: all six are there, on both sides if there is a baseline, and
    none is partial. Otherwise it is the mean of ``rows`` and must be named so.
    """

    rows: tuple[Comparison, ...]
    complete: bool
    candidate_mean: float
    baseline_mean: float | None
    delta_points: float | None
    noise_points: float | None


def compare(scores: ScoreSet) -> Capability | None:
    """Candidate against baseline over the benchmarks that both sides have; None without scores."""
    baseline = {score.benchmark: score for score in scores.baseline}
    ordered = sorted(scores.candidate, key=_place)
    shared = [score for score in ordered if not baseline or score.benchmark in baseline]
    if not shared:
        return None
    rows = tuple(_row(score, baseline.get(score.benchmark)) for score in shared)
    sides = [*shared, *(baseline[score.benchmark] for score in shared if baseline)]
    has_all = {score.benchmark for score in shared} == set(SIX)
    means = [row.baseline_percent for row in rows if row.baseline_percent is not None]
    candidate_mean = _mean([row.candidate_percent for row in rows])
    baseline_mean = _mean(means) if baseline else None
    noises = [row.noise_points for row in rows if row.noise_points is not None]
    known = len(noises) == len(rows)
    return Capability(
        rows=rows,
        complete=has_all and not any(score.partial for score in sides),
        candidate_mean=candidate_mean,
        baseline_mean=baseline_mean,
        delta_points=None if baseline_mean is None else candidate_mean - baseline_mean,
        noise_points=math.hypot(*noises) / len(noises) if known and noises else None,
    )


def standard_error(score: Score) -> float | None:
    """Points: the one given, else sqrt(p(1-p)/n) of a share of n items; None without n."""
    if score.stderr_percent is not None:
        return score.stderr_percent
    if not score.n:
        return None
    share = score.value_percent / 100
    return 100 * math.sqrt(share * (1 - share) / score.n)


def _row(candidate: Score, baseline: Score | None) -> Comparison:
    errors = [standard_error(score) for score in (candidate, baseline) if score is not None]
    known = [error for error in errors if error is not None]
    return Comparison(
        benchmark=candidate.benchmark,
        display_name=candidate.display_name,
        candidate_percent=candidate.value_percent,
        baseline_percent=baseline.value_percent if baseline else None,
        delta_points=candidate.value_percent - baseline.value_percent if baseline else None,
        noise_points=math.hypot(*known) if baseline and len(known) == 2 else None,
    )


def _place(score: Score) -> tuple[int, str]:
    known = score.benchmark in SIX
    return (SIX.index(score.benchmark) if known else len(SIX), score.benchmark)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
