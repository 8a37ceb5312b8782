"""Values whose unit a format leaves open, and sample sizes that it keeps in words."""

from __future__ import annotations

import math
from typing import Any

from hubtool.errors import ScoreFileInvalid

_OWN_FORMAT = "give it in hubtool's own format (docs/reference/scores.md)"


def percentage(value: Any, field: str) -> float:
    """The value as a percentage. Raises ScoreFileInvalid where it may as well be a fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ScoreFileInvalid(f"{field}: {value!r} is not a number", "correct the value")
    if 0 < value <= 1:
        raise ScoreFileInvalid(
            f"{field}: {value} may be a fraction or a percentage: this format does not say",
            f"write it as a percentage, or {_OWN_FORMAT}",
        )
    return float(value)


def require_items(n: int | None, field: str) -> int:
    """``n``. Raises ScoreFileInvalid where the number of items is not known, or is none."""
    if not n:
        raise ScoreFileInvalid(
            f"{field}: n is missing: over how many items was this measured?",
            f"write it there, such as `1000 items`, or {_OWN_FORMAT}",
        )
    return n
