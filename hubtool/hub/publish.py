"""Publishing a folder as one commit."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hubtool.records import FileHash, Record


@dataclasses.dataclass(frozen=True)
class PublishPlan(Record):
    """What will be done: ``operations`` are added or changed, ``deletions`` removed.

    ``parent`` is the remote head that the plan was made against (None: the
    repo does not exist yet). An empty plan means that all is there.
    """

    schema: ClassVar[int] = 1
    repo: str
    parent: str | None
    operations: tuple[FileHash, ...]
    deletions: tuple[str, ...]
    message: str
    private: bool
    as_pull_request: bool


@dataclasses.dataclass(frozen=True)
class Receipt(Record):
    """What was done. ``files`` are all files of the release, sent now or found in place."""

    schema: ClassVar[int] = 1
    repo: str
    url: str
    commit: str
    parent: str | None
    files: tuple[FileHash, ...]
    committed: bool  # False: everything was there already
    uploaded_bytes: int
    pull_request_url: str | None
    verified: bool
