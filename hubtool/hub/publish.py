"""Publishing a folder as one commit."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.console import Console
from hubtool.errors import HubRejected, HubUnreachable, RemoteMoved
from hubtool.hub.client import HubClient
from hubtool.hub.commit import send_commit
from hubtool.hub.content import holds
from hubtool.hub.plan import PublishPlan
from hubtool.hub.pull_request import leave_draft, open_pull_request
from hubtool.hub.receipt import Receipt

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

UPLOADS = 4  # files at a time
LARGE_BYTES = 1_000_000  # from here on a file is uploaded, retried and shown on its own


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
    if plan.as_pull_request and (open_one := open_pull_request(hub, plan, folder)):
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


def add_to_collection(hub: HubClient, slug: str, repo: str) -> None:
    """Put the quant into a collection; one that has it already is left as it is."""
    hub.call(
        f"add {repo} to the collection {slug}",
        lambda: hub.api.add_collection_item(slug, repo, item_type="model", exists_ok=True),
    )


# --- inside --------------------------------------------------------------------


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
        info = send_commit(
            hub,
            plan.repo,
            [*deletions, *additions],
            title=plan.message,
            description=plan.description,
            parent=parent,
            create_pr=plan.as_pull_request,
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
        found = open_pull_request(hub, plan, folder)
        return (found[1], found[0]) if found else None
    head = hub.head(plan.repo)
    if (
        head is None
        or head == parent
        or not holds(hub, plan.repo, head, folder, plan.files, without=plan.deletions)
    ):
        return None
    return head, None
