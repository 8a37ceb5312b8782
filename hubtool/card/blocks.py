"""Blocks: the parts of a card that hubtool owns, each between two invisible markers.

The begin marker carries a hash of what hubtool wrote. While the hash fits, the
block is hubtool's to replace; once a person edited it, it is theirs, kept and
reported. All text outside of blocks is kept byte for byte.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence

_BEGIN = re.compile(
    r"<!-- hubtool:begin (?P<name>[a-z0-9-]+) (?P<hash>[0-9a-f]{16}) -->(?P<newline>\r?\n)"
)
_LINE_BREAK = re.compile(r"\r?\n")
_LEADING_BREAKS = re.compile(r"(?:\r?\n)+")
_END = re.compile(r"<!-- hubtool:end (?P<name>[a-z0-9-]+) -->")


@dataclasses.dataclass(frozen=True)
class Block:
    """One block as it stands in a card. ``text`` lies between the markers.

    ``start`` and ``end`` are where it begins and ends in the body, markers
    included; ``newline`` is the line end behind its begin marker.
    """

    name: str
    text: str
    is_edited: bool
    start: int
    end: int
    newline: str


def wrap(name: str, text: str, *, newline: str = "\n") -> str:
    """``text`` between its markers, with its hash."""
    inner = text.strip("\n") + "\n"
    block = f"<!-- hubtool:begin {name} {_digest(inner)} -->\n{inner}<!-- hubtool:end {name} -->"
    return block.replace("\n", newline)


def find_blocks(body: str) -> tuple[Block, ...]:
    """The blocks of a card's body, in order; markers without their partner are text."""
    ends: dict[str, list[re.Match[str]]] = {}
    for match in _END.finditer(body):
        ends.setdefault(match["name"], []).append(match)
    for listed in ends.values():
        listed.reverse()  # the next one is popped off
    found: list[Block] = []
    for begin in _BEGIN.finditer(body):
        waiting = ends.get(begin["name"], [])
        while waiting and waiting[-1].start() < begin.end():
            waiting.pop()
        if not waiting or (found and begin.start() < found[-1].end):
            continue
        text = body[begin.end() : waiting[-1].start()]
        is_edited = _digest(text) != begin["hash"]
        place = (begin.start(), waiting[-1].end(), begin["newline"])
        found.append(Block(begin["name"], text, is_edited, *place))
    return tuple(found)


MEND_MARKER = "put its partner back, or take that line out as well"


def torn_words(name: str, line: int) -> str:
    """A marker without its partner, for a person who has to find it."""
    return f"README.md, line {line}: a marker of block {name} has no partner"


def torn_markers(body: str) -> tuple[tuple[str, int], ...]:
    """(block name, line) of every marker that belongs to no block: its partner is gone."""
    blocks = find_blocks(body)
    torn: list[tuple[str, int]] = []
    number, line, counted = 0, 1, 0
    marks = sorted([*_BEGIN.finditer(body), *_END.finditer(body)], key=re.Match.start)
    for mark in marks:
        while number < len(blocks) and mark.start() >= blocks[number].end:
            number += 1
        if number == len(blocks) or mark.start() < blocks[number].start:
            line += body.count("\n", counted, mark.start())
            counted = mark.start()
            torn.append((mark["name"], line))
    return tuple(torn)


def replace_blocks(
    body: str,
    wanted: Mapping[str, str],
    *,
    overwrite_edited: bool = False,
    newline: str = "\n",
    left_alone: Collection[str] = (),
) -> tuple[str, tuple[str, ...]]:
    """(the new body, names of edited blocks that were kept).

    ``wanted`` maps names, in the template's order, to rendered text. Blocks
    that the card lacks go behind the nearest earlier block that it has, with
    the line ends ``newline``; blocks that are no longer wanted are taken out
    unless a person edited them, with the blank lines that kept them from their
    neighbours: the wider of two gaps stays. Blocks in ``left_alone`` stay as they are.
    """
    page = _Page()
    kept: list[str] = []
    seen: set[str] = set()
    at = 0
    for block in find_blocks(body):
        as_it_is = body[block.start : block.end]
        if block.name in seen or block.name in left_alone:
            fresh = as_it_is  # a second one is a copy that a person made: theirs
        elif block.is_edited and not overwrite_edited:
            kept.append(block.name)
            fresh = as_it_is
        elif block.name in wanted:
            fresh = wrap(block.name, wanted[block.name], newline=block.newline)
        else:
            fresh = ""
        seen.add(block.name)
        page.add_text(body[at : block.start])
        page.add_block(fresh)
        at = block.end
    replaced = page.end_with(body[at:])
    missing = [name for name in wanted if name not in seen and name not in left_alone]
    return _insert(replaced, list(wanted), missing, wanted, newline), tuple(kept)


class _Page:
    """A body that is put together: text and blocks in turn, no gap left where a block was."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._breaks = 0  # line breaks at the end of what is there
        self._is_blank = True  # so far there are line breaks at most
        self._is_gap = False  # a block was taken out just here

    def add_text(self, text: str) -> None:
        """Text as it is; behind a block that was taken out, without breaks that stand already."""
        if self._is_gap:
            leading = _LEADING_BREAKS.match(text)
            breaks = _LINE_BREAK.findall(leading[0]) if leading else []
            at_top = self._is_blank and self._breaks > 0
            spare = len(breaks) if at_top else min(self._breaks, len(breaks))
            text = text[sum(map(len, breaks[:spare])) :]
        content = text.rstrip("\r\n")
        self._breaks = text.count("\n", len(content)) + (0 if content else self._breaks)
        self._is_blank = self._is_blank and not content
        self._is_gap = self._is_gap and not content
        self._pieces.append(text)

    def add_block(self, block: str) -> None:
        """A block with its markers; an empty one is taken out."""
        self._is_gap = not block
        if block:
            self._breaks, self._is_blank = 0, False
            self._pieces.append(block)

    def end_with(self, text: str) -> str:
        """The whole, with its last text."""
        if self._is_gap and not text.strip("\r\n") and not self._is_blank:
            return "".join(self._pieces).rstrip("\r\n") + text
        self.add_text(text)
        return "".join(self._pieces)


def _insert(
    body: str, order: Sequence[str], missing: Sequence[str], wanted: Mapping[str, str], newline: str
) -> str:
    for name in missing:
        block = wrap(name, wanted[name], newline=newline)
        before = order[: order.index(name)]
        anchors = [found for found in find_blocks(body) if found.name in before]
        if anchors:
            at = anchors[-1].end
            body = f"{body[:at]}{newline * 2}{block}{body[at:]}"
        elif not body or body.startswith(("\n", "\r\n")):
            body = f"{newline}{block}{newline}{body}"
        else:
            body = f"{newline}{block}{newline * 2}{body}"
    return body


def _digest(text: str) -> str:
    """First 16 hex digits of sha256; line ends do not count."""
    plain = text.replace("\r\n", "\n")
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
