"""What the base repo says, at a pinned revision."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from hubtool.records import FileHash, Record


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file as a Hub listing shows it.

    ``etag`` is the sha256 (hex) of the content for an LFS file, its git blob
    sha1 otherwise; ``is_lfs`` says which.
    """

    path: str
    size_bytes: int
    etag: str
    is_lfs: bool


@dataclasses.dataclass(frozen=True)
class DeclaredLicence:
    """The licence fields of a card's front matter, copied and never interpreted.

    ``identifiers`` is empty if the card names none. ``link`` is absolute.
    ``files`` are the licence and notice files that lie in the repo.
    """

    repo: str
    revision: str
    identifiers: tuple[str, ...]
    name: str | None
    link: str | None
    files: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Base(Record):
    """The base model's repo at one commit: everything but the weights.

    ``licences`` holds the base's own declaration first, then those of its
    ancestors up the model tree, nearest first. ``gated`` is ``""``, ``"auto"``
    or ``"manual"``. ``target_repo`` is the full id of the quant to publish.
    """

    schema: ClassVar[int] = 1
    repo: str
    revision: str
    config: dict[str, Any]
    card_metadata: dict[str, Any]
    files: tuple[RemoteFile, ...]
    licences: tuple[DeclaredLicence, ...]
    gated: str
    private: bool
    target_repo: str
    canonical_url: str  # address of the base at this revision


@dataclasses.dataclass(frozen=True)
class Snapshot(Record):
    """The base's files in the work folder: ``folder`` is absolute, ``files`` are relative to it."""

    folder: str
    repo: str
    revision: str
    files: tuple[FileHash, ...]
