"""What an earlier plan left in a pull request, and the plan that brings it up to date has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubtool.errors import RemoteMoved

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    from hubtool.hub.client import HubClient
    from hubtool.recard.change import RepoPlan


def put_right(
    hub: HubClient, plan: RepoPlan, head: str, base: str
) -> list[CommitOperationAdd | CommitOperationDelete]:
    """Operations after which a pull request at ``head`` changes no file but the plan's.

    ``base`` is the commit of main that it grew from: only what differs from there
    is touched, and becomes what main holds at the planned commit. Empty if it is so.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    proposed, before, main = (_etags(hub, plan.repo, one) for one in (head, base, plan.head))
    mine = {one.path for one in plan.files}
    operations: list[CommitOperationAdd | CommitOperationDelete] = []
    for path in sorted({*proposed, *before} - mine):
        at = proposed.get(path)
        if at == before.get(path) or at == main.get(path):
            continue
        if path not in main:
            operations.append(CommitOperationDelete(path))
            continue
        content = hub.read_bytes(plan.repo, path, plan.head)
        if content is None:
            raise RemoteMoved(f"{path} could not be read", "make a new plan")
        operations.append(CommitOperationAdd(path, content))
    return operations


def _etags(hub: HubClient, repo: str, revision: str) -> dict[str, str]:
    return {file.path: file.etag for file in hub.list_files(repo, revision)}
