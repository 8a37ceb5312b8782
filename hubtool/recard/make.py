"""Planning a whole organisation: select, read, work out, write, as a stream."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from hubtool.console import SILENT, Console
from hubtool.errors import (
    BrokenShard,
    HubtoolError,
    HubUnreachable,
    JsonUnreadable,
    NotSignedIn,
    StatsDisagree,
    UnsafePath,
)
from hubtool.recard.cache import QuantCache, Unreadable
from hubtool.recard.change import RepoPlan, Wish
from hubtool.recard.plan import plan_repo
from hubtool.recard.read import RemoteQuant, read_quant
from hubtool.recard.select import Candidate, Row, Selection, Skipped, select

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient
    from hubtool.recard.licence import Licences

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 500  # repos that are listed before the first of them is done: what memory holds


def plan_all(
    hub: HubClient,
    wanted: Selection,
    wish: Wish,
    *,
    cache: QuantCache | None = None,
    licences: Licences | None = None,
    workers: int = 16,
    console: Console = SILENT,
) -> Iterator[RepoPlan | Skipped]:
    """What becomes of every repo of the selection, in the order of the listing.

    A repo that cannot be read is skipped with the reason. Raises HubUnreachable
    and NotSignedIn: what was read by then is in the cache.
    """

    def work(item: Candidate | Skipped) -> RepoPlan | Skipped:
        if isinstance(item, Skipped):
            return item
        return _plan_one(hub, item, wish, cache, licences)

    with ThreadPoolExecutor(workers) as pool, console.task("planning", 0, "repos") as task:

        def counted() -> Iterator[Candidate | Skipped]:
            for item in select(hub, wanted):
                task.total += 1
                yield item

        for result in in_order(pool, work, counted()):
            task.advance(1, result.repo)
            yield result


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], ahead: int = AHEAD
) -> Iterator[R]:
    """``map`` that takes no more than ``ahead`` items before it gives results.

    After an error, work that has not begun is dropped.
    """
    waiting: collections.deque[Future[R]] = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            while len(waiting) >= ahead or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _plan_one(
    hub: HubClient,
    candidate: Candidate,
    wish: Wish,
    cache: QuantCache | None,
    licences: Licences | None,
) -> RepoPlan | Skipped:
    try:
        quant = _read(hub, candidate.row, cache)
    except (HubUnreachable, NotSignedIn):
        raise
    except HubtoolError as error:
        return Skipped(candidate.row.repo, error.message)
    if isinstance(quant, Unreadable):
        return Skipped(quant.repo, quant.reason)
    return plan_repo(hub, candidate, quant, wish, licences)


def _read(hub: HubClient, row: Row, cache: QuantCache | None) -> RemoteQuant | Unreadable:
    """From the cache, else from the Hub. What stays unreadable at a commit is remembered, too."""
    quant = cache.get(row.repo, row.commit) if cache else None
    if quant is None:
        try:
            quant = read_quant(hub, row)
        except (BrokenShard, StatsDisagree, JsonUnreadable, UnsafePath) as error:
            quant = Unreadable(row.repo, row.commit, error.message)
        if cache:
            cache.put(quant)
    return quant


@dataclasses.dataclass
class Tally:
    """How many repos change, are right already, are left, are skipped.

    ``licences``: how many change theirs; ``licences_withheld``: would with --include-licence.
    """

    changed: int = 0
    right: int = 0
    not_ours: int = 0
    skipped: int = 0
    licences: int = 0
    licences_withheld: int = 0

    def count(self, entry: RepoPlan | Skipped) -> None:
        """One more."""
        if isinstance(entry, RepoPlan):
            self.changed += bool(entry.files)
            self.right += not entry.files
            self.licences += any(one.kind == "licence" for one in entry.changes)
            self.licences_withheld += entry.licence_withheld
        else:
            self.not_ours += entry.kind == "not ours"
            self.skipped += entry.kind == "skipped"

    @property
    def listed(self) -> int:
        """All of them."""
        return self.changed + self.right + self.not_ours + self.skipped

    @property
    def words(self) -> str:
        """In one line."""
        return (
            f"{self.changed} to change, {self.right} right already, "
            f"{self.not_ours} not ours, {self.skipped} skipped"
        )
