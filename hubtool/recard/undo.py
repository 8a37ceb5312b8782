"""Undoing a plan: each file that it changed is put back, where nobody changed it since."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.card.compose import CARD_FILE
from hubtool.console import SILENT, Console
from hubtool.errors import HubtoolError, RemoteMoved
from hubtool.hub.budget import paced
from hubtool.hub.commit import send_commit
from hubtool.hub.moved import refuse_moved
from hubtool.recard.apply import charge, require_this_hub
from hubtool.recard.arrived import arrived
from hubtool.recard.change import FileChange, RepoPlan
from hubtool.recard.content import remember, unlike
from hubtool.recard.each import each
from hubtool.recard.journal import Entry, Journal, held
from hubtool.recard.permission import require_writable
from hubtool.recard.planfile import plans_of
from hubtool.recard.propose import OPEN
from hubtool.recard.send import STOPPING, Sending, head_of

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    from hubtool.hub.budget import RateBudget
    from hubtool.hub.client import HubClient
    from hubtool.recard.cache import QuantCache


def to_undo(journal: Journal, only: Collection[str] = ()) -> list[Entry]:
    """What the journal says was done, or may have been, and was not put back."""
    return [
        entry
        for entry in journal.entries.values()
        if entry.state in ("sending", "done", "left") and (not only or entry.repo in only)
    ]


def undo_plan(
    hub: HubClient,
    path: Path,
    *,
    only: Collection[str] = (),
    workers: int = 16,
    budget: RateBudget,
    cache: QuantCache | None = None,
    console: Console = SILENT,
) -> Generator[Entry]:
    """Put back what the plan's journal says was done; one entry a repo.

    An open pull request is closed. Raises as ``apply_plan`` does.
    """
    header = require_this_hub(hub, path)
    with held(path), paced(budget, refuse_moved):
        journal = Journal(path)
        done = {entry.repo: entry for entry in to_undo(journal, only)}
        direct = [repo for repo, entry in done.items() if entry.pull_request is None]
        require_writable(hub, direct)
        require_writable(hub, [*done.keys() - {*direct}], pull_requests=True)
        charge(budget, journal)
        run = Sending(hub, header, budget, cache)

        def one(plan: RepoPlan) -> Entry:
            return journal.add(_undo(run, plan, done[plan.repo]))

        yield from each(
            (plan for plan in plans_of(path) if plan.repo in done),
            one,
            title="undoing",
            total=len(done),
            workers=workers,
            budget=budget,
            console=console,
        )


def _undo(run: Sending, plan: RepoPlan, known: Entry) -> Entry:
    try:
        done = arrived(run, plan, known)
        if done is None:
            return Entry(plan.repo, "undone", reason="nothing of it had arrived", found=True)
        if done.pull_request and _closed(run, plan.repo, done.pull_request):
            return Entry(plan.repo, "undone", pull_request=done.pull_request, found=True)
        entry = _restored(run, plan)
    except STOPPING:
        raise
    except HubtoolError as error:
        return _left(plan, known, error.message)
    return entry if entry.state == "undone" else _left(plan, done, entry.reason)


def _left(plan: RepoPlan, done: Entry, reason: str) -> Entry:
    """Another undo may try again: commit and pull request stay known."""
    return dataclasses.replace(done, repo=plan.repo, state="left", reason=reason, found=True)


def _restored(run: Sending, plan: RepoPlan) -> Entry:
    """A commit whose answer was lost looks like somebody else's: look again, once."""
    try:
        return _restore(run, plan)
    except RemoteMoved:
        return _restore(run, plan)


def _closed(run: Sending, repo: str, address: str) -> bool:
    """Close the pull request; False if it was merged.

    Raises RemoteMoved where another plan, or a person, has committed to it since.
    """
    number = int(address.rsplit("/", 1)[1])
    read = run.hub.call(f"read {address}", lambda: run.hub.api.get_discussion_details(repo, number))
    if read.status in OPEN:
        history = run.hub.call(
            f"list the commits of {address}",
            lambda: run.hub.api.list_repo_commits(repo, revision=f"refs/pr/{number}"),
        )
        if run.mark not in f"{history[0].title}\n{history[0].message}":
            raise RemoteMoved("its pull request was committed to since", "close it on its page")
        run.hub.call(
            f"close {address}",
            lambda: run.hub.api.change_discussion_status(repo, number, "closed"),
        )
    return bool(read.status != "merged")


def _restore(run: Sending, plan: RepoPlan) -> Entry:
    head = head_of(run, plan.repo)
    changed, not_as_before = unlike(run.hub, plan.repo, plan.files, head)
    paths = {one.path for one in plan.files}
    telling = {CARD_FILE} & paths or paths
    if telling & changed and not telling & not_as_before:
        return Entry(plan.repo, "undone", reason="it was as before already", found=True)
    if CARD_FILE in changed:
        return Entry(plan.repo, "left", reason="its card was changed since")
    ours = [one for one in plan.files if one.path not in changed]
    if not ours:
        return Entry(plan.repo, "left", reason="all of it was changed since")
    run.budget.spend("commit")
    info = run.hub.call(
        f"put back the card of {plan.repo}",
        lambda: send_commit(
            run.hub,
            plan.repo,
            [_back(run, plan, one) for one in ours],
            title=f"Undo: {run.header.title}",
            description=f"hubtool recard undo {run.header.id}",
            parent=head,
        ),
    )
    texts = {one.path: one.before for one in ours if not one.binary}
    remember(run.cache, plan.repo, head, str(info.oid), texts)
    return Entry(plan.repo, "undone", commit=str(info.oid))


def _back(
    run: Sending, plan: RepoPlan, one: FileChange
) -> CommitOperationAdd | CommitOperationDelete:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    if not one.existed:
        return CommitOperationDelete(one.path)
    if one.before is not None:
        return CommitOperationAdd(one.path, one.before.encode())
    old = run.hub.read_bytes(plan.repo, one.path, plan.head)
    if old is None:
        raise RemoteMoved(f"{one.path} of before is not to be had", "put it back by hand")
    return CommitOperationAdd(one.path, old)
