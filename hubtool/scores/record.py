"""One record for a benchmark result, whoever measured it."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hubtool.records import Record

# what must agree before two results of one benchmark may be compared
SETTINGS = (
    "variant",
    "metric",
    "filter",
    "n",
    "few_shot",
    "harness",
    "harness_version",
    "task_version",
)


@dataclasses.dataclass(frozen=True)
class Score:
    """One benchmark on one model. ``value_percent`` is 0 to 100, unrounded.

    ``benchmark`` is an id (``mmlu``), ``display_name`` what a table shows with
    its setting (``MMLU (5-shot, 1000)``). ``n`` is the number of items,
    ``correct`` the count behind the value, ``stderr_percent`` in points.
    ``partial`` marks a run that was cut short (``limit``). ``failed_items``
    are the ids of the items that were wrong, None where nobody listed them.

    ``variant`` is the harness's own task name (``gsm8k_cot``), ``filter`` how
    an answer was cut out of the text, ``n_from`` where ``n`` comes from if the
    file does not state it.
    """

    benchmark: str
    display_name: str
    metric: str
    value_percent: float
    n: int
    correct: int | None = None
    stderr_percent: float | None = None
    few_shot: int | None = None
    harness: str | None = None
    harness_version: str | None = None
    date: str | None = None  # ISO 8601
    partial: bool = False
    failed_items: tuple[str, ...] | None = None
    source_file: str | None = None  # name only, never a path of this machine
    source_sha256: str | None = None
    variant: str | None = None
    filter: str | None = None
    task_version: str | None = None
    n_from: str | None = None


@dataclasses.dataclass(frozen=True)
class ScoreSet(Record):
    """Scores of the candidate and, if measured, of the baseline. No side has a benchmark twice."""

    schema: ClassVar[int] = 2
    candidate: tuple[Score, ...] = ()
    baseline: tuple[Score, ...] = ()
    baseline_repo: str | None = None

    @property
    def source_files(self) -> tuple[str, ...]:
        """Names of the files that the scores were read from, in their order."""
        named = (score.source_file for score in (*self.candidate, *self.baseline))
        return tuple(dict.fromkeys(name for name in named if name))


def differing_settings(one: Score, other: Score) -> tuple[str, ...]:
    """Those of :data:`SETTINGS` that are known on both sides and differ."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in SETTINGS}
    return tuple(name for name, (a, b) in pairs.items() if None not in (a, b) and a != b)


def undisclosed_settings(one: Score, other: Score) -> tuple[str, ...]:
    """Those of :data:`SETTINGS` that one side tells and the other does not."""
    return tuple(
        name for name in SETTINGS if (getattr(one, name) is None) != (getattr(other, name) is None)
    )
