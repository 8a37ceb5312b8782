"""BFCL's own score files: JSON lines, the first a summary, each later one a failed case."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import Choice
from hubtool.scores.record import Score, ScoreSet


def fits(data: Any) -> bool:
    """A list whose first item counts: that is how JSON lines are handed over."""
    first = data[0] if isinstance(data, list) and data else None
    return isinstance(first, dict) and {"accuracy", "correct_count", "total_count"} <= set(first)


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """The one score. Its id names the category: mlx-optiq's 200 items are another benchmark."""
    file, (summary, *failed) = path.name, data
    correct, n = summary["correct_count"], summary["total_count"]
    if not (isinstance(correct, int) and isinstance(n, int) and 0 <= correct <= n and n > 0):
        raise ScoreFileInvalid(
            f"{file}: line 1: correct_count {correct!r} of total_count {n!r} cannot be",
            "run the evaluation again",
        )
    accuracy = summary["accuracy"]
    if not isinstance(accuracy, int | float) or not math.isclose(
        accuracy, correct / n, abs_tol=1e-3
    ):
        raise ScoreFileInvalid(
            f"{file}: line 1: accuracy {accuracy!r} contradicts {correct} of {n}",
            "run the evaluation again",
        )
    if len(failed) != n - correct:
        raise ScoreFileInvalid(
            f"{file}: {n - correct} cases failed by line 1, {len(failed)} are listed",
            "the file is cut short: copy it again",
        )
    categories = {str(case["test_category"]) for case in failed if "test_category" in case}
    named = [case.get("id") for case in failed if isinstance(case, dict)]
    listed = len({str(name) for name in named if name is not None}) == len(failed)
    category = categories.pop() if len(categories) == 1 else "all"
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
                failed_items=tuple(str(name) for name in named) if listed else None,
            ),
        )
    )
