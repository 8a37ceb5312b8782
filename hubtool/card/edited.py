"""A block that a person edited: what it says otherwise than the facts, line by line.

Its words are that person's. Its tables must hold the facts' rows, its
comparisons the facts' sentences, its links and pictures the facts' targets; and
a number in its other sentences must stand between the words that it stands
between in the facts' text. A block of obligations is nobody's to change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?")
# a sign belongs to a number only where no word stands before it: not in gemma-4
_TOKEN = re.compile(r"(?:(?<![\w.])[-+])?\d[\d,]*(?:\.\d+)?|[^\W\d_]+|%")
_RULE = re.compile(r"[\s|:-]+")
_LINK = re.compile(r"(!?)\[([^\]\n]*)\]\(([^)\s]*)\)")
# blocks that state obligations: nothing in them may read otherwise
VERBATIM = frozenset({"license"})
# a width names the quant itself, whatever word stands before it
_NAMES_THE_QUANT = "bit"

Pair = tuple[str, str, str]  # (number, side, word)


def edited_problems(
    name: str, found: str, wanted: str, facts_text: str, claims: Sequence[str]
) -> Iterator[str]:
    """What the block ``name`` says and the facts do not.

    ``facts_text``: all blocks as rendered; ``claims``: the sentences of it that
    compare, which are kept or left out whole.
    """
    if name in VERBATIM:
        yield from _line_problems(found, wanted)
        return
    yield from _row_problems(found, wanted)
    for claim in claims:
        if claim in wanted and claim not in found:
            yield f"it must say {claim!r}"
    yield from _target_problems(found, facts_text)
    known = _beside(facts_text.splitlines())
    for line in found.splitlines():
        if line.lstrip().startswith("|") or line in wanted:
            continue
        for number, pairs in _neighbours(_without(line, claims)):
            if not (
                (pairs and pairs <= known) or (number, "after", _NAMES_THE_QUANT) in pairs & known
            ):
                yield f"no fact says {number}"


def _without(line: str, claims: Sequence[str]) -> str:
    for claim in claims:
        line = line.replace(claim, "")
    return line


def _line_problems(found: str, wanted: str) -> Iterator[str]:
    ours, theirs = ([line.strip() for line in text.splitlines()] for text in (wanted, found))
    for line in ours:
        if line and line not in theirs:
            yield f"it must say {line!r}"
    for line in theirs:
        if line and line not in ours:
            yield f"it says {line!r} as well: write that outside of the block"


def _target_problems(found: str, facts_text: str) -> Iterator[str]:
    """A link's words lead where the facts' link with these words does; pictures by their file."""
    links = {text: target for image, text, target in _LINK.findall(facts_text) if not image}
    pictures = {target: text for image, text, target in _LINK.findall(facts_text) if image}
    for image, text, target in _LINK.findall(found):
        if image and pictures.get(target, text) != text:
            yield f"the words for {target} are other than the facts'"
        elif not image and links.get(text, target) != target:
            yield f"the link {text!r} leads to {target}, the facts' to {links[text]}"


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


def _beside(lines: Iterable[str]) -> frozenset[Pair]:
    """(number, side, word) of every number in the facts' text."""
    return frozenset(pair for line in lines for _, pairs in _neighbours(line) for pair in pairs)


def _neighbours(line: str) -> Iterator[tuple[str, frozenset[Pair]]]:
    tokens = [match[0].lower() for match in _TOKEN.finditer(line)]
    for place, token in enumerate(tokens):
        if not token.lstrip("+-")[:1].isdigit():
            continue
        before = tokens[place - 1] if place else ""
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        beside = {(token, "before", before), (token, "after", after)}
        yield token, frozenset(pair for pair in beside if pair[2])
