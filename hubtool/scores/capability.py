"""The Capability Score: one figure from six benchmarks, or an honest part of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from hubtool.scores.noise import Paired, interval, pair, paired_error, standard_error
from hubtool.scores.record import Score, ScoreSet, differing_settings, undisclosed_settings

SIX = ("mmlu", "gsm8k", "ifeval", "bfcl", "humaneval", "hashhop")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One benchmark on both sides. Percent, unrounded; ``delta_points`` is candidate - baseline.

    Intervals are of 95 %; ``noise_points`` is one standard error of the delta.
    ``differs`` names settings that are not the same on both sides, ``undisclosed``
    those that one side alone tells. Items are compared in pairs only where
    nothing differs.
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
    undisclosed: tuple[str, ...] = ()  # settings that one side alone tells
    n_from: str | None = None  # where n comes from, if a file does not state it


@dataclasses.dataclass(frozen=True)
class Capability:
    """The mean over benchmarks, unrounded: round once, when it is printed.

    The mean is over those of the six that were measured (on both sides, if
    there is a baseline); other benchmarks are ``further``. Where none of the
    six was measured it is over all. ``complete``: all six are there, with the
    same settings as far as any side tells them, and none is partial. Otherwise
    it is the mean of ``rows`` and must be named so.
    """

    rows: tuple[Comparison, ...]  # what the mean is of, one benchmark each
    complete: bool  # all six, on both sides, alike and whole
    comparable: bool  # no row's settings differ
    candidate_mean: float  # unrounded
    baseline_mean: float | None  # unrounded
    delta_points: float | None  # candidate - baseline, unrounded
    noise_points: float | None  # one standard error of the delta
    further: tuple[Comparison, ...] = ()  # benchmarks beside the six, in no mean
    candidate_only: tuple[str, ...] = ()  # display names that the baseline lacks
    baseline_only: tuple[str, ...] = ()  # display names that the candidate lacks

    @property
    def all_rows(self) -> tuple[Comparison, ...]:
        """Every benchmark that is shown: those of the mean, then the further ones."""
        return (*self.rows, *self.further)

    @property
    def disclosed(self) -> bool:
        """Whether both sides tell the same settings of every row that the mean is of."""
        return not any(row.undisclosed for row in self.rows)


def compare(scores: ScoreSet) -> Capability | None:
    """Candidate against baseline over the benchmarks that both sides have; None without scores.

    If they share none, the candidate's scores stand alone.
    """
    candidate = {score.benchmark: score for score in sorted(scores.candidate, key=_place)}
    baseline = {score.benchmark: score for score in sorted(scores.baseline, key=_place)}
    shared = [name for name in candidate if name in baseline]
    found = [_row(candidate[name], baseline.get(name)) for name in shared or candidate]
    if not found:
        return None
    rows = tuple(row for row in found if row.benchmark in SIX) or tuple(found)
    comparable = not any(row.differs for row in rows)
    candidate_mean = _mean([row.candidate_percent for row in rows])
    theirs = [row.baseline_percent for row in rows if row.baseline_percent is not None]
    baseline_mean = _mean(theirs) if theirs else None
    noises = [row.noise_points for row in rows if row.noise_points is not None]
    return Capability(
        rows=rows,
        complete={row.benchmark for row in rows} == set(SIX)
        and not any(row.differs or row.undisclosed or row.partial for row in rows),
        comparable=comparable,
        candidate_mean=candidate_mean,
        baseline_mean=baseline_mean,
        delta_points=None if baseline_mean is None else candidate_mean - baseline_mean,
        noise_points=math.hypot(*noises) / len(noises) if noises else None,
        further=tuple(row for row in found if row not in rows),
        candidate_only=_lacking(candidate, baseline) if shared else (),
        baseline_only=_lacking(baseline, candidate),
    )


def _lacking(ours: Mapping[str, Score], theirs: Mapping[str, Score]) -> tuple[str, ...]:
    return tuple(score.display_name for name, score in ours.items() if name not in theirs)


def _row(candidate: Score, baseline: Score | None) -> Comparison:
    ours = Comparison(
        benchmark=candidate.benchmark,
        display_name=candidate.display_name,
        metric=candidate.metric,
        n=candidate.n,
        candidate_percent=candidate.value_percent,
        candidate_interval=interval(candidate),
        partial=candidate.partial,
        n_from=candidate.n_from,
    )
    if baseline is None:
        return ours
    differs = differing_settings(candidate, baseline)
    paired = None if differs else pair(candidate, baseline)
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
        differs=differs,
        undisclosed=undisclosed_settings(candidate, baseline),
        n_from=candidate.n_from or baseline.n_from,
    )


def _place(score: Score) -> tuple[int, str]:
    known = score.benchmark in SIX
    return (SIX.index(score.benchmark) if known else len(SIX), score.benchmark)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
