"""BFCL's own score files: JSON lines, the first a summary, each later one a failed case."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.fields import Count, Fraction, Items, checked
from hubtool.scores.readers.interface import Choice
from hubtool.scores.record import Score, ScoreSet

_AGAIN = "run the evaluation again"
_FILE_NAME = re.compile(r"BFCL_v\d+_(\w+)_score\.json", re.IGNORECASE)


class _Summary(BaseModel):
    accuracy: Fraction
    correct_count: Count
    total_count: Items


class _Case(BaseModel):
    id: str | int | None = None
    test_category: str | None = None


def fits(data: Any) -> bool:
    """A list whose first item counts: that is how JSON lines are handed over."""
    first = data[0] if isinstance(data, list) and data else data
    return isinstance(first, dict) and {"accuracy", "correct_count", "total_count"} <= set(first)


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """The one score. Its id names the category: mlx-optiq's 200 items are another benchmark."""
    first, *lines = data if isinstance(data, list) else [data]  # one line alone: none failed
    summary = checked(_Summary, first, path, _AGAIN, "line 1")
    failed = [
        checked(_Case, line, path, _AGAIN, f"line {number}") for number, line in enumerate(lines, 2)
    ]
    correct, n = summary.correct_count, summary.total_count
    if correct > n or not math.isclose(summary.accuracy, correct / n, abs_tol=1e-3):
        raise ScoreFileInvalid(
            f"{path.name}: line 1: accuracy {summary.accuracy} contradicts {correct} of {n}", _AGAIN
        )
    if len(failed) != n - correct:
        raise ScoreFileInvalid(
            f"{path.name}: {n - correct} cases failed by line 1, {len(failed)} are listed",
            "the file is cut short: copy it again",
        )
    ids = {str(case.id) for case in failed if case.id is not None}
    category = _category(failed, path)
    return ScoreSet(
        candidate=(
            Score(
                benchmark=f"bfcl_{category}",
                display_name=f"BFCL {category} ({n})",
                metric="accuracy",
                value_percent=100 * correct / n,
                n=n,
                correct=correct,
                harness="bfcl-eval",
                failed_items=tuple(str(case.id) for case in failed)
                if len(ids) == len(failed)
                else None,
            ),
        )
    )


def _category(failed: list[_Case], path: Path) -> str:
    """As the failed cases say; where none failed, as the file is named."""
    told = {case.test_category for case in failed if case.test_category}
    named = _FILE_NAME.fullmatch(path.name)
    if not told and named:
        return named[1]
    return told.pop() if len(told) == 1 else "all"
