"""One record for a benchmark result, whoever measured it."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hubtool.records import Record


@dataclasses.dataclass(frozen=True)
class Score:
    """One benchmark on one model. ``value_percent`` is 0 to 100, unrounded.

    ``benchmark`` is an id (``mmlu``), ``display_name`` what a table shows with
    its setting (``MMLU (5-shot, 1000)``). ``n`` is the number of items,
    ``correct`` the count behind the value, ``stderr_percent`` in points.
    ``partial`` marks a run that was cut short (``limit``).
    """

    benchmark: str
    display_name: str
    metric: str
    value_percent: float
    n: int | None = None
    correct: int | None = None
    stderr_percent: float | None = None
    few_shot: int | None = None
    harness: str | None = None
    harness_version: str | None = None
    date: str | None = None  # ISO 8601
    partial: bool = False


@dataclasses.dataclass(frozen=True)
class ScoreSet(Record):
    """Scores of the candidate and, if measured, of the baseline; with the file they came from."""

    schema: ClassVar[int] = 1
    candidate: tuple[Score, ...] = ()
    baseline: tuple[Score, ...] = ()
    baseline_repo: str | None = None
    source_file: str | None = None  # name only, never a path of this machine
    source_sha256: str | None = None
    baseline_file: str | None = None  # where the baseline's scores stand in a file of their own
