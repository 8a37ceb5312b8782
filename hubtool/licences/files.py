"""Licence and notice files of a repo: which they are."""

from __future__ import annotations

import re
from pathlib import Path

# nearly every custom licence demands a copy of its text and of its notices
_LICENCE_FILE = re.compile(
    r"(licen[cs]e|copying|notice|use_policy|third[-_]party)[^/]*"
    r"|[^/]*(acceptable_use|prohibited|attribution|third[-_]party[-_]notices?)[^/]*",
    re.IGNORECASE,
)
_TEXT_SUFFIXES = ("", ".md", ".txt", ".rst", ".pdf", ".html")


def is_licence_file(path: str) -> bool:
    """Whether a repo's file is a licence, a notice or a use policy (in its root)."""
    suffix = Path(path).suffix.lower()
    named = _LICENCE_FILE.fullmatch(path) is not None
    return named and (suffix in _TEXT_SUFFIXES or suffix[1:].isdigit())
