"""Blocks: the parts of a card that hubtool owns, each between two invisible markers.

The begin marker carries a hash of what hubtool wrote. While the hash fits, the
block is hubtool's to replace; once a person edited it, it is theirs, kept and
reported. All text outside of blocks is kept byte for byte.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence

_BLOCK = re.compile(
    r"<!-- hubtool:begin (?P<name>[a-z0-9-]+) (?P<hash>[0-9a-f]{16}) -->(?P<end>\r?\n)"
    r"(?P<text>.*?)"
    r"<!-- hubtool:end (?P=name) -->",
    re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Block:
    """One block as it stands in a card. ``text`` lies between the markers."""

    name: str
    text: str
    is_edited: bool


def wrap(name: str, text: str) -> str:
    """``text`` between its markers, with its hash."""
    inner = text.strip("\n") + "\n"
    return f"<!-- hubtool:begin {name} {_digest(inner)} -->\n{inner}<!-- hubtool:end {name} -->"


def find_blocks(body: str) -> tuple[Block, ...]:
    """The blocks of a card's body, in order."""
    return tuple(
        Block(match["name"], match["text"], _digest(match["text"]) != match["hash"])
        for match in _BLOCK.finditer(body)
    )


def replace_blocks(
    body: str, wanted: Mapping[str, str], *, overwrite_edited: bool = False
) -> tuple[str, tuple[str, ...]]:
    """(the new body, names of edited blocks that were kept).

    ``wanted`` maps names, in the template's order, to rendered text. Blocks
    that the card lacks go behind the nearest earlier block that it has; blocks
    that are no longer wanted are taken out unless a person edited them.
    """
    kept: list[str] = []
    seen: set[str] = set()

    def replacement(match: re.Match[str]) -> str:
        name = match["name"]
        edited = _digest(match["text"]) != match["hash"]
        if name in seen:
            return match[0]  # a copy that a person made: theirs
        seen.add(name)
        if edited and not overwrite_edited:
            kept.append(name)
            return match[0]
        if name not in wanted:
            return ""
        fresh = wrap(name, wanted[name])
        return fresh.replace("\n", "\r\n") if match["end"] == "\r\n" else fresh

    replaced = _BLOCK.sub(replacement, body)
    missing = [name for name in wanted if name not in seen]
    return _insert(replaced, list(wanted), missing, wanted), tuple(kept)


def _insert(
    body: str, order: Sequence[str], missing: Sequence[str], wanted: Mapping[str, str]
) -> str:
    for name in missing:
        block = wrap(name, wanted[name])
        before = order[: order.index(name)]
        anchors = [match for match in _BLOCK.finditer(body) if match["name"] in before]
        if anchors:
            at = anchors[-1].end()
            body = f"{body[:at]}\n\n{block}{body[at:]}"
        else:
            body = (
                f"\n{block}\n{body}"
                if body.startswith("\n") or not body
                else f"\n{block}\n\n{body}"
            )
    return body


def _digest(text: str) -> str:
    """First 16 hex digits of sha256; line ends do not count."""
    plain = text.replace("\r\n", "\n")
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
