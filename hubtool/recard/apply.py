"""Applying a plan: one commit or one pull request a repo, guarded, resumable, paced."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.console import SILENT, Console
from hubtool.errors import HubtoolError, HubUnreachable, NotSignedIn, RemoteMoved
from hubtool.hub.publish import git_blob_sha1, leave_draft
from hubtool.recard.journal import Entry, Journal
from hubtool.recard.make import in_order
from hubtool.recard.permission import require_writable
from hubtool.recard.plan import FileChange, RepoPlan
from hubtool.recard.planfile import PlanHeader, plans_of, read_plan_header
from hubtool.recard.read import RemoteQuant

if TYPE_CHECKING:
    from hubtool.hub.budget import RateBudget
    from hubtool.hub.client import HubClient
    from hubtool.recard.cache import QuantCache

LOOK_BACK = 20  # commits to look through for ours
AHEAD = 32  # repos in hand: a run that must stop leaves few


def to_do(path: Path, journal: Journal, only: Collection[str] = ()) -> Iterator[RepoPlan]:
    """The repos of the plan that are not done; with ``only``, of these alone."""
    for plan in plans_of(path):
        known = journal.entries.get(plan.repo)
        if known and known.state in ("done", "undone"):
            continue
        if not only or plan.repo in only:
            yield plan


def apply_plan(
    hub: HubClient,
    path: Path,
    *,
    pull_requests: bool = False,
    only: Collection[str] = (),
    workers: int = 8,
    budget: RateBudget,
    cache: QuantCache | None = None,
    console: Console = SILENT,
) -> Iterator[Entry]:
    """Send what is not sent yet; one entry a repo, in the order of the plan.

    Raises NoWritePermission before anything is sent; HubUnreachable and
    NotSignedIn where the Hub lets nobody through: all that was sent is in the journal.
    """
    header = require_this_hub(hub, path)
    journal = Journal(path)
    waiting = [plan.repo for plan in to_do(path, journal, only)]
    require_writable(hub, waiting, pull_requests=pull_requests)
    for at in journal.commits_at:
        budget.spend("commit", ago_seconds=max(0.0, time.time() - at), wait=False)
    sender = _Sender(hub, header, budget, cache, pull_requests=pull_requests)
    total = len(waiting)
    with ThreadPoolExecutor(workers) as pool, console.task("applying", total, "repos") as task:
        plans = to_do(path, journal, only)
        try:
            for entry in in_order(pool, lambda plan: journal.add(sender.send(plan)), plans, AHEAD):
                task.advance(1, entry.repo)
                yield entry
        finally:
            budget.stop()  # nobody waits for a commit that will not be made


def require_this_hub(hub: HubClient, path: Path) -> PlanHeader:
    """The plan's header. Raises RemoteMoved if the plan was made on another Hub."""
    header = read_plan_header(path)
    if header.endpoint != hub.endpoint:
        raise RemoteMoved(
            f"{path} is a plan for {header.endpoint}, this is {hub.endpoint}",
            "make a plan for this Hub",
        )
    return header


class _Sender:
    """Sends one repo's change, once."""

    def __init__(
        self,
        hub: HubClient,
        header: PlanHeader,
        budget: RateBudget,
        cache: QuantCache | None,
        *,
        pull_requests: bool,
    ) -> None:
        self._hub, self._header, self._budget, self._cache = hub, header, budget, cache
        self._pull_requests = pull_requests

    def send(self, plan: RepoPlan) -> Entry:
        """What became of it. Raises HubUnreachable and NotSignedIn."""
        try:
            self._budget.spend("commit")
            if self._pull_requests:
                return self._as_pull_request(plan)
            return self._on_main(plan)
        except (HubUnreachable, NotSignedIn):
            raise
        except RemoteMoved:
            return Entry(plan.repo, "moved", reason="it changed since the plan was made")
        except HubtoolError as error:
            return Entry(plan.repo, "failed", reason=error.message)

    def _on_main(self, plan: RepoPlan) -> Entry:
        def commit() -> str:
            return str(self._commit(plan, parent_commit=plan.head).oid)

        try:
            oid, found = self._hub.call(f"commit to {plan.repo}", commit), False
        except RemoteMoved:
            # ours, of a run that was killed or whose answer was lost, or somebody else's
            ours = self._landed(plan)
            if ours is None:
                raise
            oid, found = ours, True
        self._remember(plan, oid)
        return Entry(plan.repo, "done", commit=oid, found=found)

    def _landed(self, plan: RepoPlan) -> str | None:
        """Our commit among the newest of main."""
        commits = self._hub.call(
            f"list the commits of {plan.repo}",
            lambda: list(self._hub.api.list_repo_commits(plan.repo))[:LOOK_BACK],
        )
        marked = (one for one in commits if self._mark in f"{one.title}\n{one.message}")
        return next((str(one.commit_id) for one in marked), None)

    def _as_pull_request(self, plan: RepoPlan) -> Entry:
        """Open one, or bring the one that is open to this state."""
        if self._hub.head(plan.repo) != plan.head:
            return Entry(plan.repo, "moved", reason="it changed since the plan was made")
        found = True

        def propose() -> tuple[int, str]:
            nonlocal found
            number = self._open_number(plan.repo)
            if number is None:
                found = False
                info = self._commit(plan, parent_commit=plan.head, create_pr=True)
                return int(str(info.pr_url).rsplit("/", 1)[1]), str(info.oid)
            revision = f"refs/pr/{number}"
            head = self._hub.resolve_revision(plan.repo, revision).commit
            if self._holds(plan, head):
                return number, head
            found = False
            return number, str(self._commit(plan, parent_commit=head, revision=revision).oid)

        number, oid = self._hub.call(f"propose a change to {plan.repo}", propose)
        address = f"{self._hub.endpoint}/{plan.repo}/discussions/{number}"
        leave_draft(self._hub, plan.repo, address)
        return Entry(plan.repo, "done", commit=oid, pull_request=address, found=found)

    def _open_number(self, repo: str) -> int | None:
        """The pull request of ours that is open, whichever plan made it."""
        listed = self._hub.api.get_repo_discussions(
            repo, author=self._hub.identity.name, discussion_type="pull_request"
        )
        ours = (
            one
            for one in listed
            if one.title == self._header.title and one.status in ("open", "draft")
        )
        return next((int(one.num) for one in ours), None)

    def _holds(self, plan: RepoPlan, revision: str) -> bool:
        written, _ = unlike(self._hub, plan.repo, plan.files, revision)
        return not written

    def _commit(self, plan: RepoPlan, **where: Any) -> Any:
        from huggingface_hub import CommitOperationAdd

        return self._hub.api.create_commit(
            plan.repo,
            [CommitOperationAdd(one.path, one.content) for one in plan.files],
            commit_message=self._header.title,
            commit_description=self._mark,
            **where,
        )

    @property
    def _mark(self) -> str:
        return f"hubtool recard {self._header.id}"

    def _remember(self, plan: RepoPlan, commit: str) -> None:
        """The next plan need not read what this one wrote: the weights are the same."""
        quant = self._cache.get(plan.repo, plan.head) if self._cache else None
        if self._cache is None or not isinstance(quant, RemoteQuant):
            return
        texts = {one.path: one.after for one in plan.files if not one.binary}
        self._cache.put(
            dataclasses.replace(
                quant,
                commit=commit,
                readme=texts.get("README.md", quant.readme),
                release=texts.get("optiq/release.json", quant.release),
            )
        )


def unlike(
    hub: HubClient, repo: str, files: Collection[FileChange], revision: str
) -> tuple[frozenset[str], frozenset[str]]:
    """Paths that do not hold at ``revision`` (what the plan wrote, what it found)."""
    there = hub.call(
        f"look at the files of {repo}",
        lambda: {
            info.path: info
            for info in hub.api.get_paths_info(repo, [one.path for one in files], revision=revision)
        },
    )
    written = (one for one in files if not _same(there.get(one.path), one.content))
    found = (
        one
        for one in files
        if not _same(there.get(one.path), None if one.before is None else one.before.encode())
    )
    return frozenset(one.path for one in written), frozenset(one.path for one in found)


def _same(info: Any, content: bytes | None) -> bool:
    if info is None or content is None:
        return info is None and content is None
    if info.lfs is not None:
        return bool(info.lfs.sha256 == hashlib.sha256(content).hexdigest())
    return bool(info.blob_id == git_blob_sha1(content))
