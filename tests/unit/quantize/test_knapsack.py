"""The multiple-choice knapsack against brute force."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtool.quantize import knapsack
from hubtool.quantize.knapsack import Item, Solution, solve

costs = st.one_of(st.integers(0, 60), st.integers(1, 10**12))
# no float32 pass finds less than 1e-30 nats, and a price per byte of 5e-324 has no digits
losses = st.one_of(st.floats(1e-30, 1), st.sampled_from([0.0, 0.25, 0.5]))


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    """Up to 6 items of up to 5 options in no order, with ties and dominated ones."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        options = draw(st.lists(st.tuples(costs, losses), min_size=1, max_size=5))
        found.append(Item(*zip(*options, strict=True)))
    return found


def totals(items: list[Item], picks: tuple[int, ...]) -> tuple[int, float]:
    return (
        sum(item.costs[pick] for item, pick in zip(items, picks, strict=True)),
        sum(item.losses[pick] for item, pick in zip(items, picks, strict=True)),
    )


def brute_force(items: list[Item], limit: int) -> float:
    every = itertools.product(*(range(len(item.costs)) for item in items))
    found = (totals(items, picks) for picks in every)
    return min(loss for cost, loss in found if cost <= limit)


@given(items(), st.floats(0, 1))
def test_it_finds_what_brute_force_finds_and_the_bound_is_below(
    items: list[Item], share: float
) -> None:
    least, most = (sum(pick(item.costs) for item in items) for pick in (min, max))
    limit = least + int(share * (most - least))
    found = solve(items, limit)
    assert found.cost <= limit
    cost, loss = totals(items, found.picks)
    assert (found.cost, pytest.approx(found.loss, abs=1e-12)) == (cost, loss)
    best = brute_force(items, limit)
    assert found.loss == pytest.approx(best, rel=1e-9, abs=1e-12)
    assert found.bound <= best + 1e-12
    assert found.is_best
    assert solve(items, limit) == found


@given(items())
def test_with_room_for_all_every_item_gets_its_least_loss_at_the_least_cost(
    items: list[Item],
) -> None:
    found = solve(items, sum(max(item.costs) for item in items))
    for item, pick in zip(items, found.picks, strict=True):
        assert item.losses[pick] == min(item.losses)
        ties = [
            cost
            for cost, loss in zip(item.costs, item.losses, strict=True)
            if loss == min(item.losses)
        ]
        assert item.costs[pick] == min(ties)
    assert found.price == 0.0
    assert found.bound == found.loss


def test_what_is_no_longer_searched_is_not_called_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [Item((0, 6), (1.0, 0.3)), *[Item((0, 5), (0.6, 0.1))] * 2]
    monkeypatch.setattr(knapsack, "MOST_CORE_ITEMS", 1)
    found = solve(items, 10)
    assert not found.is_best
    assert found.bound < 1.2 <= found.loss


def test_what_the_greedy_steps_miss_is_found() -> None:
    """The best step first leaves no room for the two that together save more."""
    items = [
        Item((0, 6), (1.0, 0.3)),
        Item((0, 5), (0.6, 0.1)),
        Item((0, 5), (0.6, 0.1)),
    ]
    found = solve(items, 10)
    assert found.picks == (0, 1, 1)
    assert found.loss == pytest.approx(1.2)


def test_the_price_is_what_one_more_unit_would_save() -> None:
    found = solve([Item((0, 10), (1.0, 0.0)), Item((0, 10), (0.5, 0.0))], 10)
    assert found == Solution((1, 0), 10, 0.5, 0.5, 0.05, is_best=True)


def test_too_little_room_is_an_error_with_both_figures() -> None:
    with pytest.raises(ValueError, match="cheapest options cost 7, more than 6"):
        solve([Item((3, 9), (1.0, 0.0)), Item((4,), (1.0,))], 6)


def test_no_items_cost_nothing() -> None:
    assert solve([], 0) == Solution((), 0, 0.0, 0.0, 0.0, is_best=True)


def test_a_large_instance_lands_close_to_its_limit_and_to_its_bound() -> None:
    """One matrix as large as a hundred others, and losses over six orders of magnitude."""
    import numpy as np

    random = np.random.default_rng(0)
    sizes = [*random.choice([4096, 16384, 65536], 2000), 6_553_600]
    items = []
    for size in map(int, sizes):
        scale = 10 ** random.uniform(-6, 0)
        shares = [(bits, group) for bits in (2, 3, 4, 5, 6, 8) for group in (32, 64, 128)]
        items.append(
            Item(
                tuple(size * bits + size * 32 // group for bits, group in shares),
                tuple(scale * 4.0**-bits * group**0.3 for bits, group in shares),
            )
        )
    limit = 5 * sum(sizes)
    found = solve(items, int(limit))
    assert 0.999 * limit <= found.cost <= limit
    assert found.loss <= found.bound * 1.001
