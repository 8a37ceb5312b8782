"""Undoing a plan: each file that it changed is put back, where nobody changed it since."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.console import SILENT, Console
from hubtool.errors import HubtoolError, HubUnreachable, NotSignedIn, RemoteMoved
from hubtool.recard.apply import AHEAD, require_this_hub, unlike
from hubtool.recard.journal import Entry, Journal
from hubtool.recard.make import in_order
from hubtool.recard.permission import require_writable
from hubtool.recard.plan import FileChange, RepoPlan
from hubtool.recard.planfile import PlanHeader, plans_of

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    from hubtool.hub.budget import RateBudget
    from hubtool.hub.client import HubClient

CARD = "README.md"


def undo_plan(
    hub: HubClient,
    path: Path,
    *,
    workers: int = 8,
    budget: RateBudget,
    console: Console = SILENT,
) -> Iterator[Entry]:
    """Put back what the plan's journal says was done; one entry a repo.

    An open pull request is closed. Raises as ``apply_plan`` does.
    """
    header, journal = require_this_hub(hub, path), Journal(path)
    done = {repo for repo, entry in journal.entries.items() if entry.state == "done"}
    direct = [repo for repo in sorted(done) if journal.entries[repo].pull_request is None]
    require_writable(hub, direct)
    undoer = _Undoer(hub, header, budget, journal)
    plans = (plan for plan in plans_of(path) if plan.repo in done)
    with ThreadPoolExecutor(workers) as pool, console.task("undoing", len(done), "repos") as task:
        try:
            for entry in in_order(pool, lambda plan: journal.add(undoer.undo(plan)), plans, AHEAD):
                task.advance(1, entry.repo)
                yield entry
        finally:
            budget.stop()


class _Undoer:
    def __init__(
        self, hub: HubClient, header: PlanHeader, budget: RateBudget, journal: Journal
    ) -> None:
        self._hub, self._header, self._budget, self._journal = hub, header, budget, journal

    def undo(self, plan: RepoPlan) -> Entry:
        try:
            address = self._journal.entries[plan.repo].pull_request
            if address and self._closed(plan.repo, address):
                return Entry(plan.repo, "undone", pull_request=address, found=True)
            return self._restore(plan)
        except (HubUnreachable, NotSignedIn):
            raise
        except RemoteMoved:
            return Entry(plan.repo, "left", reason="it changed while it was being put back")
        except HubtoolError as error:
            return Entry(plan.repo, "failed", reason=error.message)

    def _closed(self, repo: str, address: str) -> bool:
        """Close the pull request; False if it was merged."""
        number = int(address.rsplit("/", 1)[1])
        read = self._hub.call(
            f"read {address}", lambda: self._hub.api.get_discussion_details(repo, number)
        )
        if read.status in ("open", "draft"):
            self._hub.call(
                f"close {address}",
                lambda: self._hub.api.change_discussion_status(repo, number, "closed"),
            )
        return bool(read.status != "merged")

    def _restore(self, plan: RepoPlan) -> Entry:
        head = self._hub.resolve_revision(plan.repo).commit
        changed, not_as_before = unlike(self._hub, plan.repo, plan.files, head)
        if changed and not not_as_before:
            return Entry(plan.repo, "undone", reason="it was as before already", found=True)
        if CARD in changed:
            return Entry(plan.repo, "left", reason="its card was changed since")
        ours = [one for one in plan.files if one.path not in changed]
        self._budget.spend("commit")
        oid = self._hub.call(
            f"put back the card of {plan.repo}",
            lambda: (
                self._hub.api.create_commit(
                    plan.repo,
                    [self._back(plan, one) for one in ours],
                    commit_message=f"Undo: {self._header.title}",
                    commit_description=f"hubtool recard undo {self._header.id}",
                    parent_commit=head,
                ).oid
            ),
        )
        return Entry(plan.repo, "undone", commit=str(oid))

    def _back(self, plan: RepoPlan, one: FileChange) -> CommitOperationAdd | CommitOperationDelete:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        if not one.existed:
            return CommitOperationDelete(one.path)
        if one.before is not None:
            return CommitOperationAdd(one.path, one.before.encode())
        old = self._hub.read_bytes(plan.repo, one.path, plan.head)
        return CommitOperationAdd(one.path, old or b"")
