"""Applying a plan: every repo once, resumable, paced; a journal says what became of each."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.console import SILENT, Console
from hubtool.errors import RemoteMoved
from hubtool.hub.budget import paced
from hubtool.hub.endpoint import lasting_name
from hubtool.hub.moved import refuse_moved
from hubtool.recard.change import RepoPlan
from hubtool.recard.each import each
from hubtool.recard.journal import Entry, Journal, held
from hubtool.recard.permission import require_writable
from hubtool.recard.planfile import PlanHeader, plans_of, read_plan_header
from hubtool.recard.propose import propose
from hubtool.recard.send import Sending, send

if TYPE_CHECKING:
    from hubtool.hub.budget import RateBudget
    from hubtool.hub.client import HubClient
    from hubtool.recard.cache import QuantCache

SENT = ("done", "undone", "left")  # never sent again


def to_do(path: Path, journal: Journal, only: Collection[str] = ()) -> Iterator[RepoPlan]:
    """The repos of the plan that are not done; with ``only``, of these alone."""
    for plan in plans_of(path):
        known = journal.entries.get(plan.repo)
        if known and known.state in SENT:
            continue
        if not only or plan.repo in only:
            yield plan


def apply_plan(
    hub: HubClient,
    path: Path,
    *,
    pull_requests: bool = False,
    only: Collection[str] = (),
    workers: int = 16,
    budget: RateBudget,
    cache: QuantCache | None = None,
    console: Console = SILENT,
) -> Generator[Entry]:
    """Send what is not sent yet; one entry a repo, in the order of the plan.

    Raises NoWritePermission before anything is sent; HubUnreachable (QuotaSpent
    among it) and NotSignedIn where the Hub lets nobody through: all that was sent
    by then is in the journal.
    """
    header = require_this_hub(hub, path)
    with held(path), paced(budget, refuse_moved):
        journal = Journal(path)
        waiting = [plan.repo for plan in to_do(path, journal, only)]
        require_writable(hub, waiting, pull_requests=pull_requests)
        charge(budget, journal)
        run = Sending(hub, header, budget, cache)

        def one(plan: RepoPlan) -> Entry:
            budget.spend("commit")
            journal.add(Entry(plan.repo, "sending", pull_request="" if pull_requests else None))
            return journal.add(propose(run, plan) if pull_requests else send(run, plan))

        yield from each(
            to_do(path, journal, only),
            one,
            title="applying",
            total=len(waiting),
            workers=workers,
            budget=budget,
            console=console,
        )


def charge(budget: RateBudget, journal: Journal) -> None:
    """The commits of earlier runs of this plan count against the hour."""
    for at in journal.commits_at:
        budget.spend("commit", ago_seconds=max(0.0, time.time() - at), wait=False)


def require_this_hub(hub: HubClient, path: Path) -> PlanHeader:
    """The plan's header. Raises RemoteMoved if the plan was made on another Hub."""
    header = read_plan_header(path)
    if lasting_name(header.endpoint) != lasting_name(hub.endpoint):
        raise RemoteMoved(
            f"{path} is a plan for {header.endpoint}, this is {hub.endpoint}",
            "make a plan for this Hub",
        )
    return header
