"""A repo's change in words: front matter by key, blocks by name, files by path."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.card.blocks import find_blocks
from hubtool.card.compose import CARD_FILE
from hubtool.card.frontmatter import BYTE_ORDER_MARK, split_card
from hubtool.card.metadata import LICENCE_KEYS
from hubtool.recard.change import Change, FileChange, Kind


def changes_of(
    before: str, after: str, adopted: Collection[str], files: Iterable[FileChange]
) -> tuple[Change, ...]:
    """What differs between two cards and which other files come; licences first."""
    old, new = split_card(before), split_card(after)
    found = [
        *_mark_changes(before, after),
        *_metadata_changes(old.data, new.data),
        *_block_changes(old.body, new.body, adopted),
        *_file_changes(files),
    ]
    return tuple(sorted(found, key=lambda change: change.kind != "licence"))


def _mark_changes(before: str, after: str) -> Iterator[Change]:
    """Behind a byte order mark some readers see no front matter, so it goes."""
    if before.startswith(BYTE_ORDER_MARK) and not after.startswith(BYTE_ORDER_MARK):
        yield Change("metadata", "byte order mark: removed")


def _file_changes(files: Iterable[FileChange]) -> Iterator[Change]:
    for file in files:
        if file.path not in (CARD_FILE, PROVENANCE_FILE):
            kind: Kind = "file" if file.path.endswith(".png") else "licence"
            yield Change(kind, f"{file.path}: {'anew' if file.existed else 'new'}")


def _metadata_changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    keys = [*after, *(key for key in before if key not in after)]
    return [
        Change(
            "licence" if key in LICENCE_KEYS else "metadata",
            f"{key}: {_step(before.get(key), after.get(key))}",
        )
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _blocks(body: str) -> dict[str, str]:
    """Name -> text in the order of the card; of two of one name the first."""
    found: dict[str, str] = {}
    for block in find_blocks(body):
        found.setdefault(block.name, block.text)
    return found


def _block_changes(before: str, after: str, adopted: Collection[str]) -> list[Change]:
    old, new = _blocks(before), _blocks(after)
    changes = []
    for name in [*new, *(name for name in old if name not in new)]:
        if name in adopted:
            changes.append(Change("adoption", f"{name}: takes over what a generator wrote"))
        elif name not in old:
            changes.append(Change("block", f"{name}: new"))
        elif name not in new:
            changes.append(Change("block", f"{name}: removed"))
        elif old[name] != new[name]:
            changes.append(Change("block", f"{name}: changed"))
    return changes


def _step(before: object, after: object) -> str:
    """``old -> new``; of two lists what goes and what comes."""
    if not isinstance(before, list) or not isinstance(after, list):
        return f"{_short(before)} -> {_short(after)}"
    gone = [f"- {_short(one)}" for one in before if one not in after]
    come = [f"+ {_short(one)}" for one in after if one not in before]
    return ", ".join([*gone, *come]) or "in another order"


def _short(value: object) -> str:
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return text if len(text) <= 60 else f"{text[:57]}..."
