"""The multiple-choice knapsack: one option for every item, least loss under a cost limit.

Three parts. The steps along the lower convex hulls of all items, taken in order
of loss saved per cost, solve the linear relaxation [Sinha and Zoltners 1979];
its value is a bound that no solution beats. Taking every step that still fits
gives a first solution. The gap between the two rules out most options by their
reduced cost, and a dynamic program over the items that are left closes it
[Pisinger 1995]. Equal input gives equal output.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

MOST_CORE_ITEMS = 400  # items that the dynamic program may move
MOST_STATES = 10_000  # states it keeps after an item; beyond that the solution may not be the best
ROUNDING = 1e-12  # relative error that sums of losses may have


@dataclasses.dataclass(frozen=True)
class Item:
    """The options of one item: whole costs, and a loss for each."""

    costs: tuple[int, ...]
    losses: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Solution:
    """Which option of each item, by index.

    No solution has a loss below ``bound``, that of the linear relaxation;
    ``is_best`` says that none has a smaller loss than this one. ``price`` is the
    loss that one more unit of cost would save, at the margin.
    """

    picks: tuple[int, ...]
    cost: int
    loss: float
    bound: float
    price: float
    is_best: bool


@dataclasses.dataclass(frozen=True)
class _Table:
    """Items as rows, their undominated options as columns by rising cost.

    Short rows are padded with options of infinite loss. ``option`` is the index in the Item.
    """

    cost: Integers
    loss: Floats
    option: Integers

    def total(self, picks: Integers) -> tuple[int, float]:
        """Cost and loss of a pick a row."""
        import numpy as np

        rows = np.arange(len(picks))
        return int(self.cost[rows, picks].sum()), float(self.loss[rows, picks].sum())


@dataclasses.dataclass(frozen=True)
class _Steps:
    """Hull steps of all rows, best saving per cost first; arrays of one length."""

    row: Integers
    begin: Integers
    end: Integers
    cost: Integers
    saving: Floats


def solve(items: Sequence[Item], limit: int) -> Solution:
    """The options of least total loss whose total cost is at most ``limit``.

    The best ones, unless the dynamic program met its limits: then ``loss - bound``
    says how much better others can be at most. Raises ValueError if even the
    cheapest options cost more than ``limit``.
    """
    import numpy as np

    if not items:
        return Solution((), 0, 0.0, 0.0, 0.0, is_best=True)
    table = _undominated(items)
    picks = np.zeros(len(items), np.int64)
    cheapest, _ = table.total(picks)
    if cheapest > limit:
        raise ValueError(f"the cheapest options cost {cheapest}, more than {limit}")
    steps = _hull_steps(table)
    bound, price = _take_steps(table, steps, picks, limit)
    improved, is_best = _close_gap(table, picks, bound, price, limit)
    cost, loss = table.total(improved)
    rows = np.arange(len(items))
    chosen = table.option[rows, improved]
    return Solution(tuple(map(int, chosen)), cost, loss, min(bound, loss), price, is_best)


def _undominated(items: Sequence[Item]) -> _Table:
    """Options that cost more than another must lose less; the others go."""
    import numpy as np

    width = max(len(item.costs) for item in items)
    cost = np.full((len(items), width), np.iinfo(np.int64).max // 4)
    loss = np.full((len(items), width), np.inf)
    for row, item in enumerate(items):
        cost[row, : len(item.costs)] = item.costs
        loss[row, : len(item.losses)] = item.losses
    order = np.lexsort((loss, cost), axis=-1)
    cost, loss = np.take_along_axis(cost, order, 1), np.take_along_axis(loss, order, 1)
    before = np.minimum.accumulate(loss, axis=1)
    keep = np.ones(loss.shape, bool)
    keep[:, 1:] = loss[:, 1:] < before[:, :-1]
    last = np.argsort(~keep, axis=1, kind="stable")  # the kept ones to the front
    cost, loss, keep, order = (
        np.take_along_axis(one, last, 1) for one in (cost, loss, keep, order)
    )
    # a padded option costs as much as the last real one and is never taken
    dearest = np.where(keep, cost, 0).max(axis=1, keepdims=True)
    return _Table(np.where(keep, cost, dearest), np.where(keep, loss, np.inf), order)


def _hull_steps(table: _Table) -> _Steps:
    """From each row's cheapest option along its lower hull, by gift wrapping, all rows at once."""
    import numpy as np

    rows = np.arange(len(table.cost))
    at = np.zeros(len(rows), np.int64)
    parts: list[tuple[Any, ...]] = []
    while len(rows):
        dearer = table.cost[rows] - table.cost[rows, at][:, None]
        saved = table.loss[rows, at][:, None] - table.loss[rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where((dearer > 0) & (saved > 0), saved / dearer, -1.0)
        # the farthest of equally steep ones: one step along a straight edge
        best = rate.shape[1] - 1 - np.argmax(rate[:, ::-1], axis=1)
        places = np.arange(len(rows))
        going = rate[places, best] > 0
        chosen = best[going], places[going]
        parts.append(
            (
                rows[going],
                at[going],
                chosen[0],
                dearer[chosen[1], chosen[0]],
                saved[chosen[1], chosen[0]],
            )
        )
        rows, at = rows[going], chosen[0]
    row, begin, end, cost, saving = (
        np.concatenate(columns) for columns in zip(*parts, strict=True)
    )
    order = np.lexsort((begin, row, -saving / cost))
    return _Steps(row[order], begin[order], end[order], cost[order], saving[order])


def _take_steps(table: _Table, steps: _Steps, picks: Integers, limit: int) -> tuple[float, float]:
    """Move ``picks`` up every step that fits; returns the linear bound and its price."""
    import numpy as np

    cost, loss = table.total(picks)
    after = cost + np.cumsum(steps.cost)
    split = int(np.searchsorted(after, limit, side="right"))  # the first that does not fit
    picks[steps.row[:split]] = steps.end[:split]
    spent, loss = table.total(picks)
    if split == len(steps.cost):
        return loss, 0.0
    price = float(steps.saving[split] / steps.cost[split])
    bound = loss - price * (limit - spent)
    left = limit - spent
    smallest = np.minimum.accumulate(steps.cost[::-1])[::-1]  # of this step and all after it
    for place in range(split, len(steps.cost)):
        if smallest[place] > left:
            break
        row = steps.row[place]
        if steps.cost[place] <= left and picks[row] == steps.begin[place]:
            picks[row] = steps.end[place]
            left -= int(steps.cost[place])
    return bound, price


def _close_gap(
    table: _Table, picks: Integers, bound: float, price: float, limit: int
) -> tuple[Integers, bool]:
    """``picks``, or better ones: a dynamic program over the rows that could still differ.

    Second comes whether no others are better.

    With reduced costs r = loss + price x cost, less each row's least, every
    solution's loss is bound + sum(r) + price x (limit - cost). So an option with
    r above the gap is in no better solution.
    """
    import numpy as np

    known = table.total(picks)[1]
    gap = known - bound
    if gap <= ROUNDING * abs(known):
        return picks, True
    reduced = table.loss + price * table.cost
    reduced = reduced - reduced.min(axis=1, keepdims=True)
    usual = np.argmin(reduced, axis=1)
    second = (
        np.partition(reduced, 1, axis=1)[:, 1]
        if reduced.shape[1] > 1
        else np.full(len(reduced), np.inf)
    )
    ambiguous = np.flatnonzero(second <= gap)
    core = ambiguous[np.argsort(second[ambiguous], kind="stable")][:MOST_CORE_ITEMS]
    base = usual.copy()
    fixed = np.setdiff1d(np.arange(len(usual)), core)
    spent = int(table.cost[fixed, usual[fixed]].sum())
    found, kept_all = _best_core(table, core, reduced, gap, price, limit - spent)
    is_best = kept_all and len(core) == len(ambiguous)
    if found is None:
        return picks, is_best
    base[core] = found
    better = table.total(base)[1] < known - ROUNDING * abs(known)
    return (base if better else picks), is_best


def _best_core(
    table: _Table, core: Integers, reduced: Floats, gap: float, price: float, room: int
) -> tuple[Integers | None, bool]:
    """Picks for the rows in ``core`` within ``room``; None if none stays under the gap.

    Second comes whether no state was left out for being one too many.
    """
    import numpy as np

    least = table.cost[core].min(axis=1)
    after = np.concatenate([np.cumsum(least[::-1])[::-1][1:], [0]])  # what later rows need at least
    cost, total = np.zeros(1, np.int64), np.zeros(1)
    history: list[tuple[Integers, Integers]] = []
    kept_all = True
    for row, needed in zip(core, after, strict=True):
        columns = np.flatnonzero(reduced[row] <= gap)
        new_cost = (cost[:, None] + table.cost[row, columns]).ravel()
        new_total = (total[:, None] + reduced[row, columns]).ravel()
        fits = np.flatnonzero((new_cost + needed <= room) & (new_total <= gap))
        loss = new_total[fits] - price * new_cost[fits]
        order = np.lexsort((loss, new_cost[fits]))
        ordered = loss[order]
        keep = np.ones(len(order), bool)
        keep[1:] = ordered[1:] < np.minimum.accumulate(ordered)[:-1]
        chosen = fits[order[keep]]
        if len(chosen) > MOST_STATES:
            kept_all = False
            nearest = np.argsort(new_total[chosen], kind="stable")[:MOST_STATES]
            chosen = chosen[np.sort(nearest)]
        if not len(chosen):
            return None, kept_all
        history.append((chosen // len(columns), columns[chosen % len(columns)]))
        cost, total = new_cost[chosen], new_total[chosen]
    state = int(np.argmin(total - price * cost))
    found = np.empty(len(core), np.int64)
    for place in range(len(core) - 1, -1, -1):
        parent, column = history[place]
        found[place] = column[state]
        state = int(parent[state])
    return found, kept_all
