"""What a push would send: the difference between a folder and what is on the Hub."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.hub.client import HubClient
from hubtool.hub.content import same_content
from hubtool.records import FileHash, Record

# what a release owns even if no earlier one of ours listed it: weights that a loader would glob
_OWNED = re.compile(
    r"model[^/]*\.safetensors|model\.safetensors\.index\.json|(optiq/)?optiq_vision\.safetensors"
)


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
    files: tuple[FileHash, ...]  # the whole release, sent now or there already
    gate: Literal["auto", "manual"] | None = None  # None: the repo's gate stays as it is
    description: str = ""  # of the commit, below its title


def make_plan(
    hub: HubClient,
    repo: str,
    folder: Path,
    files: Sequence[FileHash],
    *,
    message: str,
    private: bool,
    as_pull_request: bool,
    gate: Literal["auto", "manual"] | None = None,
    description: str = "",
) -> PublishPlan:
    """What a push would send now: the difference between ``files`` and the remote head.

    Deleted is only what an earlier release owned and this one lacks; a
    person's other files stay. Nothing is written.
    """
    head = hub.head(repo)
    remote = {file.path: file for file in hub.list_files(repo, head)} if head else {}
    wanted = {file.path for file in files}
    owned = _owned_before(hub, repo, head) if head else set()
    return PublishPlan(
        repo=repo,
        parent=head,
        operations=tuple(
            file for file in files if not same_content(folder, file, remote.get(file.path))
        ),
        deletions=tuple(
            path
            for path in sorted(remote)
            if path not in wanted and (path in owned or _OWNED.fullmatch(path))
        ),
        message=message,
        private=private,
        as_pull_request=as_pull_request,
        files=tuple(files),
        gate=gate,
        description=description,
    )


def _owned_before(hub: HubClient, repo: str, head: str) -> set[str]:
    """The files that the release now on the Hub lists as its own."""
    text = hub.read_text(repo, PROVENANCE_FILE, head)
    try:
        listed = json.loads(text or "{}").get("files", [])
    except (ValueError, AttributeError):
        return set()
    return {path for path in listed if isinstance(path, str)} if isinstance(listed, list) else set()
