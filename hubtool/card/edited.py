"""A block that a person edited: what it says otherwise than the facts, line by line.

Its words are that person's. Its tables must hold the facts' rows, and a number
in its sentences must stand beside a word that it stands beside in the facts' text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?")
_TOKEN = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?|[^\W\d_]+|%")
_RULE = re.compile(r"[\s|:-]+")
# blocks that state obligations: nothing in them may read otherwise
VERBATIM = frozenset({"license"})


def edited_problems(name: str, found: str, wanted: str, facts_text: str) -> Iterator[str]:
    """What the block ``name`` says and the facts do not; ``facts_text``: all blocks as rendered."""
    if name in VERBATIM:
        lines = {line.strip() for line in found.splitlines()}
        for line in wanted.splitlines():
            if line.strip() and line.strip() not in lines:
                yield f"it must say {line.strip()!r}"
        return
    yield from _row_problems(found, wanted)
    known = _beside(facts_text.splitlines())
    for line in found.splitlines():
        if line.lstrip().startswith("|") or line in wanted:
            continue
        for number, pairs in _neighbours(line):
            if not pairs & known:
                yield f"no fact says {number}"


def _row_problems(found: str, wanted: str) -> Iterator[str]:
    ours, theirs = _rows(wanted), _rows(found)
    for label, cells in ours.items():
        if label not in theirs:
            yield f"the row {label!r} is missing"
        elif theirs[label] != cells:
            shown, right = (" | ".join(one) for one in (theirs[label], cells))
            yield f"the row {label!r} says {shown}, the facts say {right}"
    for label, cells in theirs.items():
        if label not in ours:
            for number in NUMBER.findall(" ".join((label, *cells))):
                yield f"the row {label!r}: no fact says {number}"


def _rows(text: str) -> dict[str, tuple[str, ...]]:
    """First cell -> the other cells, of every table row."""
    rows = {}
    for line in text.splitlines():
        if line.lstrip().startswith("|") and not _RULE.fullmatch(line):
            first, *rest = (cell.strip() for cell in line.strip().strip("|").split("|"))
            rows[first] = tuple(rest)
    return rows


def _beside(lines: Iterable[str]) -> frozenset[tuple[str, str, str]]:
    """(number, side, word) of every number in the facts' text."""
    return frozenset(pair for line in lines for _, pairs in _neighbours(line) for pair in pairs)


def _neighbours(line: str) -> Iterator[tuple[str, frozenset[tuple[str, str, str]]]]:
    tokens = [match[0].lower() for match in _TOKEN.finditer(line)]
    for place, token in enumerate(tokens):
        if not token.lstrip("+-")[:1].isdigit():
            continue
        before = tokens[place - 1] if place else ""
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        beside = {(token, "before", before), (token, "after", after)}
        yield token, frozenset(pair for pair in beside if pair[2])
