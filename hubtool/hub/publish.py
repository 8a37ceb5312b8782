"""Publishing a folder as one commit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hubtool.base.source import RemoteFile
from hubtool.console import Console
from hubtool.errors import HubRejected, HubUnreachable, RemoteMoved, RepoNotFound
from hubtool.hub.client import HubClient
from hubtool.records import FileHash, Record

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

UPLOADS = 4  # files at a time
LARGE_BYTES = 1_000_000  # from here on a file is uploaded, retried and shown on its own
PROVENANCE_FILE = "optiq/release.json"
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


def publish(hub: HubClient, plan: PublishPlan, folder: Path, console: Console) -> Receipt:
    """Send what the plan says: large files first, then one commit guarded by the plan's parent.

    Nothing visible changes before that commit. Raises RemoteMoved if somebody
    else committed since the plan, HubUnreachable after all retries.
    """
    url = f"{hub.endpoint}/{plan.repo}"
    receipt = Receipt(
        repo=plan.repo,
        url=url,
        commit=plan.parent or "",
        parent=plan.parent,
        files=plan.files,
        committed=False,
        changed_bytes=0,
        pull_request_url=None,
        verified=False,
    )
    if plan.parent:
        _set_gate(hub, plan)
    if plan.parent and not plan.operations and not plan.deletions:
        console.fact("already there", plan.repo)
        return receipt
    parent = plan.parent or _create_repo(hub, plan)
    if plan.as_pull_request and (open_one := _open_pull_request(hub, plan, folder)):
        console.fact("already proposed", open_one[0])
        return dataclasses.replace(
            receipt, parent=parent, commit=open_one[1], pull_request_url=open_one[0]
        )
    additions = _additions(plan, folder)
    _send_blobs(hub, plan, additions, console)
    commit, pull_request = _commit(hub, plan, folder, parent, additions)
    return dataclasses.replace(
        receipt,
        commit=commit,
        parent=parent,
        committed=True,
        changed_bytes=sum(file.size_bytes for file in plan.operations),
        pull_request_url=pull_request,
    )


def is_published(hub: HubClient, receipt: Receipt, folder: Path) -> bool:
    """Whether the remote (main, or the pull request) still holds every file of the receipt."""
    revision = receipt.commit if receipt.pull_request_url else "main"
    try:
        remote = {file.path: file for file in hub.list_files(receipt.repo, revision)}
    except RepoNotFound:
        return False
    return all(same_content(folder, file, remote.get(file.path)) for file in receipt.files)


def add_to_collection(hub: HubClient, slug: str, repo: str) -> None:
    """Put the quant into a collection; one that has it already is left as it is."""
    hub.call(
        f"add {repo} to the collection {slug}",
        lambda: hub.api.add_collection_item(slug, repo, item_type="model", exists_ok=True),
    )


def same_content(folder: Path, local: FileHash, remote: RemoteFile | None) -> bool:
    """Whether the remote file has the local one's bytes, by size and hash."""
    if remote is None or remote.size_bytes != local.size_bytes:
        return False
    if remote.is_lfs:
        return remote.etag == local.sha256
    return remote.etag == git_blob_sha1((folder / local.path).read_bytes())


def git_blob_sha1(content: bytes) -> str:
    """git's name for a blob: sha1 of ``blob <length>`` NUL and the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


# --- inside --------------------------------------------------------------------


def _owned_before(hub: HubClient, repo: str, head: str) -> set[str]:
    """The files that the release now on the Hub lists as its own."""
    text = hub.read_text(repo, PROVENANCE_FILE, head)
    try:
        listed = json.loads(text or "{}").get("files", [])
    except (ValueError, AttributeError):
        return set()
    return {path for path in listed if isinstance(path, str)} if isinstance(listed, list) else set()


def _create_repo(hub: HubClient, plan: PublishPlan) -> str:
    """Create the target; returns its first commit."""
    hub.call(
        f"create {plan.repo}",
        lambda: hub.api.create_repo(plan.repo, private=plan.private, exist_ok=True),
    )
    head = hub.head(plan.repo)
    if head is None:
        raise HubRejected(
            f"{plan.repo} was created and cannot be read", "check the repo's page and its settings"
        )
    if hub.list_files(plan.repo, head)[1:]:  # more than .gitattributes: not new after all
        raise RemoteMoved(f"{plan.repo} was created by somebody else meanwhile", "run again")
    _set_gate(hub, plan)
    return head


def _set_gate(hub: HubClient, plan: PublishPlan) -> None:
    """The gate goes up before the first file is behind it."""
    if plan.gate is None or hub.resolve_revision(plan.repo).gated == plan.gate:
        return
    hub.call(
        f"gate {plan.repo}",
        lambda: hub.api.update_repo_settings(plan.repo, gated=plan.gate),
    )


def _additions(plan: PublishPlan, folder: Path) -> list[CommitOperationAdd]:
    """What the commit adds, README last. Their hashes are taken once, here."""
    from huggingface_hub import CommitOperationAdd

    ordered = sorted(plan.operations, key=lambda file: (file.path == "README.md", file.path))
    return [
        CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=folder / file.path)
        for file in ordered
    ]


def _send_blobs(
    hub: HubClient, plan: PublishPlan, additions: list[CommitOperationAdd], console: Console
) -> None:
    """Upload large files, several at a time; blobs that the Hub has are not sent again."""
    large = [addition for addition in additions if addition.upload_info.size >= LARGE_BYTES]
    small = [addition for addition in additions if addition.upload_info.size < LARGE_BYTES]
    batches = [*([addition] for addition in large), *([small] if small else [])]

    def send(batch: list[CommitOperationAdd]) -> int:
        names = batch[0].path_in_repo if len(batch) == 1 else f"{len(batch)} small files"
        hub.call(
            f"upload {names}",
            lambda: hub.api.preupload_lfs_files(
                plan.repo, batch, free_memory=False, create_pr=plan.as_pull_request or None
            ),
        )
        return sum(addition.upload_info.size for addition in batch)

    total = sum(file.size_bytes for file in plan.operations)
    with console.task("uploading", total, "B") as task, ThreadPoolExecutor(UPLOADS) as pool:
        for size in pool.map(send, batches):
            task.advance(size)


def _commit(
    hub: HubClient,
    plan: PublishPlan,
    folder: Path,
    parent: str,
    additions: list[CommitOperationAdd],
) -> tuple[str, str | None]:
    """The one commit: (its id, address of its pull request).

    The client sends a commit once. A retry first asks whether the try before
    landed although its answer was lost.
    """
    from huggingface_hub import CommitOperationDelete

    tries = 0

    def send() -> Any:
        nonlocal tries
        tries += 1
        if tries > 1 and (landed := _landed(hub, plan, folder, parent)):
            return landed
        deletions = [CommitOperationDelete(path_in_repo=path) for path in plan.deletions]
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *deletions,
            *additions,
        ]
        info = hub.api.create_commit(
            plan.repo,
            operations,
            commit_message=plan.message,
            commit_description=plan.description or None,
            parent_commit=parent,
            create_pr=plan.as_pull_request or None,
        )
        return info.oid, info.pr_url

    try:
        commit, pull_request = hub.call(f"commit to {plan.repo}", send)
    except (RemoteMoved, HubUnreachable):
        landed = _landed(hub, plan, folder, parent)
        if landed is None:
            raise
        commit, pull_request = landed
    if pull_request is not None:
        leave_draft(hub, plan.repo, pull_request)
    return commit, pull_request


def _landed(
    hub: HubClient, plan: PublishPlan, folder: Path, parent: str
) -> tuple[str, str | None] | None:
    """The commit of an earlier try, if the Hub holds exactly what the plan wants."""
    if plan.as_pull_request:
        found = _open_pull_request(hub, plan, folder)
        return (found[1], found[0]) if found else None
    head = hub.head(plan.repo)
    if head is None or head == parent or not _holds(hub, plan, folder, head):
        return None
    return head, None


def _holds(hub: HubClient, plan: PublishPlan, folder: Path, revision: str) -> bool:
    remote = {file.path: file for file in hub.list_files(plan.repo, revision)}
    complete = all(same_content(folder, file, remote.get(file.path)) for file in plan.files)
    return complete and not set(plan.deletions) & set(remote)


def _open_pull_request(hub: HubClient, plan: PublishPlan, folder: Path) -> tuple[str, str] | None:
    """(address, commit) of an open pull request of ours that proposes just this."""

    def read() -> list[Any]:
        return [
            item
            for item in hub.api.get_repo_discussions(plan.repo, discussion_type="pull_request")
            if item.status in ("open", "draft") and item.title == plan.message
        ]

    for item in hub.call(f"list the pull requests of {plan.repo}", read):
        revision = f"refs/pr/{item.num}"
        if _holds(hub, plan, folder, revision):
            commit = hub.resolve_revision(plan.repo, revision).commit
            return f"{hub.endpoint}/{plan.repo}/discussions/{item.num}", commit
    return None


def leave_draft(hub: HubClient, repo: str, pull_request: str) -> None:
    """A pull request that the client makes is a draft; people see it once it is open."""
    number = int(pull_request.rsplit("/", 1)[1])
    details = hub.call(f"read {pull_request}", lambda: hub.api.get_discussion_details(repo, number))
    if details.status == "draft":
        hub.call(
            f"open {pull_request}",
            lambda: hub.api.change_discussion_status(repo, number, "open"),
        )
