"""What a push did, and whether it still stands."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

from hubtool.errors import RepoNotFound
from hubtool.hub.client import HubClient
from hubtool.hub.content import holds
from hubtool.records import FileHash, Record


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
    changed_bytes: int  # of the files that the commit added or changed
    pull_request_url: str | None
    verified: bool
    accepted_licences: tuple[str, ...] = ()  # those with limits that the publisher took on
    tag: str | None = None  # of the git repo, set on this commit as well


def is_published(hub: HubClient, receipt: Receipt, folder: Path) -> bool:
    """Whether the remote (main, or the pull request) still holds every file of the receipt."""
    revision = receipt.commit if receipt.pull_request_url else "main"
    try:
        return holds(hub, receipt.repo, revision, folder, receipt.files)
    except RepoNotFound:
        return False
