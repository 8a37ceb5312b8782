"""Licence and notice files: which they are, and their copies in the quant."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
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


def copy_licence_files(source: Path, target: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Copy ``names`` byte for byte; returns them sorted."""
    for name in names:
        shutil.copyfile(source / name, target / name)
    return tuple(sorted(names))
