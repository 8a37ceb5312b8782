"""Small parts of sentences that all wording shares."""

from __future__ import annotations

from collections.abc import Sequence


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def count_words(number: int) -> str:
    """Small numbers as words: ``six``."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)


def signed(value: float, digits: int = 2) -> str:
    """The value with its sign, rounded once; what rounds to zero is ``+0.0``, never ``-0.0``."""
    return f"{value:+z.{digits}f}"
