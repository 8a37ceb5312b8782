"""What re-carding is asked for, and what it changes in one repo."""

from __future__ import annotations

import base64
import dataclasses
from typing import ClassVar, Literal

from hubtool.records import Record

Kind = Literal["metadata", "block", "adoption", "licence", "file"]
Part = Literal["whole", "metadata", "blocks"]


@dataclasses.dataclass(frozen=True)
class Wish:
    """How cards are to be rendered. ``part``: only front matter, or only blocks.

    ``template`` and ``brand`` None: each repo's as its ``optiq/release.json`` has it.
    ``charts``: draw those that a repo does not have yet. ``include_licence``:
    look the bases' licences up, and change them where they differ.
    """

    template: str | None = None
    brand: str | None = None
    part: Part = "whole"
    overwrite_edited: bool = False
    include_licence: bool = False
    charts: bool = False


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that changes, in words."""

    kind: Kind
    what: str


@dataclasses.dataclass(frozen=True)
class FileChange:
    """A file before and after: text, or base64 where ``binary``. None: it is not there.

    ``before`` of a picture is not kept: undoing removes it, or leaves it.
    """

    path: str
    before: str | None
    after: str
    binary: bool = False
    existed: bool = True

    @property
    def content(self) -> bytes:
        """What the file will hold."""
        return base64.b64decode(self.after) if self.binary else self.after.encode()


@dataclasses.dataclass(frozen=True)
class RepoPlan(Record):
    """One repo's change, guarded by ``head``: the commit of main that it was made against."""

    schema: ClassVar[int] = 1
    repo: str
    head: str
    maker: str
    changes: tuple[Change, ...]
    files: tuple[FileChange, ...]  # empty: nothing to do
    warnings: tuple[str, ...] = ()
    licence_withheld: bool = False  # the card says another licence than the facts, and still will
