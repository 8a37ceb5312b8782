"""Values whose unit a format leaves open, and sample sizes that it keeps in words."""

from __future__ import annotations

from typing import Any

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.fields import MOST_ITEMS

_OWN_FORMAT = "give it in hubtool's own format (docs/reference/scores.md)"


def percentage(value: Any, field: str) -> float:
    """The value as a percentage. Raises ScoreFileInvalid where it may as well be a fraction."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or value != value or abs(value) == float("inf"):
        raise ScoreFileInvalid(f"{field}: {_shown(value)} is not a number", "correct the value")
    if not 0 <= value <= 100:
        raise ScoreFileInvalid(f"{field}: {_shown(value)} is not a percentage", "correct the value")
    if 0 < value <= 1:
        raise ScoreFileInvalid(
            f"{field}: {value} may be a fraction or a percentage: this format does not say",
            f"write it as a percentage; if it is one, {_OWN_FORMAT}, with correct and n",
        )
    return float(value)


def require_items(n: int | None, field: str) -> int:
    """``n``. Raises ScoreFileInvalid where the number of items is not known, or cannot be."""
    if not n or n > MOST_ITEMS:
        raise ScoreFileInvalid(
            f"{field}: n is missing: over how many items was this measured?",
            f"write it there, such as `1000 items`, or {_OWN_FORMAT}",
        )
    return n


def _shown(value: Any) -> str:
    return repr(value)[:60]
