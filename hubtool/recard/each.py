"""Every repo of a plan once, several at a time, until one failure ends the run for all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hubtool.console import Console
from hubtool.errors import HubtoolError
from hubtool.recard.change import RepoPlan
from hubtool.recard.journal import Entry
from hubtool.recard.make import in_order
from hubtool.recard.send import STOPPING

if TYPE_CHECKING:
    from hubtool.hub.budget import RateBudget

AHEAD = 32  # repos in hand: a run that must stop leaves few


def each(
    plans: Iterable[RepoPlan],
    work: Callable[[RepoPlan], Entry],
    *,
    title: str,
    total: int,
    workers: int,
    budget: RateBudget,
    console: Console,
) -> Generator[Entry]:
    """What ``work`` makes of each plan, in their order. ``title`` and ``total`` are shown.

    Raises what ends a run: HubUnreachable (QuotaSpent among it), NotSignedIn.
    """
    with ThreadPoolExecutor(workers) as pool, console.task(title, total, "repos") as task:
        guarded = _ending_for_all(budget, work)
        try:
            for entry in in_order(pool, guarded, plans, max(AHEAD, 2 * workers)):
                task.advance(1, entry.repo)
                yield entry
        finally:
            budget.stop()  # nobody waits for a commit that will not be made


def _ending_for_all(
    budget: RateBudget, work: Callable[[RepoPlan], Entry]
) -> Callable[[RepoPlan], Entry]:
    """``work``, after whose first failure that ends a run nobody waits for its turn any more.

    Whichever repo is asked for its result then, that first reason is raised.
    """
    reasons: list[HubtoolError] = []

    def guarded(plan: RepoPlan) -> Entry:
        try:
            return work(plan)
        except STOPPING as error:
            reasons.append(error)
            budget.stop()
            raise reasons[0] from error

    return guarded
