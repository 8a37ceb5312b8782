"""Spending a budget: arithmetic over made-up sensitivities and shapes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtool.errors import BudgetImpossible
from hubtool.quantize.allocation import Allocation, ComponentWidth, spend_budget
from hubtool.quantize.budget import Budget
from hubtool.quantize.choice import UNQUANTIZED, Choice
from hubtool.quantize.explanation import explain
from hubtool.quantize.footprint import WeightShape
from hubtool.quantize.planned import usual_bits
from hubtool.quantize.sensitivity import ComponentSensitivity, Sensitivity
from tests.support.allocations import (
    WIDTHS,
    allocation_of,
    bits_of,
    component,
    footprint,
    sensitivity,
    spend,
)

KEYS = ("3", "4", "4/32", "8")


def total_kl(allocation: Allocation, measured: Sensitivity) -> float:
    kl = {one.name: one.kl for one in measured.components}
    return sum(kl[one.name][one.choice.key(64)] for one in allocation.components)


@st.composite
def measurements(draw: st.DrawFn, keys: Sequence[str] = KEYS) -> Sensitivity:
    """Up to 6 components whose KL mostly falls with width, at choices of two group sizes."""
    components = []
    for number in range(draw(st.integers(1, 6))):
        kl = sorted(draw(st.tuples(*[st.floats(1e-9, 1.0)] * len(keys))), reverse=True)
        if draw(st.booleans()):
            kl = draw(st.permutations(kl))
        parameters = 64 * draw(st.integers(1, 400))
        name = f"model.layers.{number}.proj"
        components.append(ComponentSensitivity(name, parameters, dict(zip(keys, kl, strict=True))))
    return dataclasses.replace(sensitivity(components, WIDTHS), group_sizes=(32, 64))


budgets = st.floats(min(WIDTHS), max(WIDTHS))
others = st.integers(0, 20_000)


@given(measurements(), st.floats(3.5, 9), others)
def test_a_stored_budget_is_met_to_the_byte_and_no_allocation_does_better(
    measured: Sensitivity, stored_bpw: float, other: int
) -> None:
    """Against brute force over all choices, everything on disk counted."""
    model = footprint(measured, other=other)
    names = [one.name for one in measured.components]
    choices = [Choice.parse(key, 64) for key in KEYS]

    def stored_bits(chosen: Sequence[Choice]) -> float:
        return (
            sum(
                one.parameters * choice.stored_bits
                for one, choice in zip(measured.components, chosen, strict=True)
            )
            + 16 * model.other_parameters
        )

    room = stored_bpw * model.parameters
    possible = [
        sum(one.kl[choice.key(64)] for one, choice in zip(measured.components, chosen, strict=True))
        for chosen in itertools.product(choices, repeat=len(names))
        if stored_bits(chosen) <= int(room)
    ]
    budget = Budget("stored_bpw", stored_bpw)
    if not possible:
        with pytest.raises(BudgetImpossible):
            spend_budget(measured, budget, model)
        return
    allocation = spend_budget(measured, budget, model)
    assert allocation.kl == pytest.approx(min(possible), rel=1e-9)
    assert allocation.kl == pytest.approx(total_kl(allocation, measured))
    assert allocation.is_best
    assert allocation.kl - allocation.optimality_gap <= min(possible) + 1e-12
    stored = stored_bits([one.choice for one in allocation.components])
    assert allocation.stored_bytes == stored / 8
    assert allocation.stored_bpw == stored / model.parameters <= stored_bpw
    assert allocation.unspent_share == pytest.approx((int(room) - stored) / int(room))


@given(measurements(), budgets)
def test_a_nominal_budget_is_never_exceeded_and_keeps_to_the_usual_group_size(
    measured: Sensitivity, budget: float
) -> None:
    allocation = spend(measured, budget)
    spent = sum(one.bits * one.parameters for one in allocation.components)
    parameters = sum(one.parameters for one in allocation.components)
    assert spent <= budget * parameters
    assert allocation.nominal_bpw == spent / parameters
    assert {one.bits for one in allocation.components} <= set(WIDTHS)
    assert {one.group_size for one in allocation.components} == {64}
    assert [one.name for one in allocation.components] == [one.name for one in measured.components]


@given(measurements(), budgets, st.randoms(use_true_random=False))
def test_equal_components_get_equal_widths_in_any_order(
    measured: Sensitivity, budget: float, random: object
) -> None:
    shuffled = list(measured.components)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = spend(measured, budget)
    assert spend(measured, budget) == first
    other = spend(dataclasses.replace(measured, components=tuple(shuffled)), budget)
    assert set(other.components) == set(first.components)
    assert dataclasses.replace(other, components=first.components) == first


@given(measurements(), budgets, budgets)
def test_more_budget_is_never_worse(measured: Sensitivity, one: float, other: float) -> None:
    small, large = (spend(measured, budget) for budget in sorted((one, other)))
    assert large.kl <= small.kl * (1 + 1e-9)


def test_bits_go_where_they_save_the_most_for_their_cost() -> None:
    measured = sensitivity(
        [
            component("dear", 1000, 0.5, 0.1),
            component("cheap", 100, 0.1, 0.0),
            component("dull", 1000, 0.001, 0.0),
        ],
        (4, 8),
    )
    assert bits_of(spend(measured, 4.0)) == {"dear": 4, "cheap": 4, "dull": 4}
    assert bits_of(spend(measured, 4.2)) == {"dear": 4, "cheap": 8, "dull": 4}
    assert bits_of(spend(measured, 6.1)) == {"dear": 8, "cheap": 8, "dull": 4}
    assert bits_of(spend(measured, 8.0)) == {"dear": 8, "cheap": 8, "dull": 8}
    assert spend(measured, 6.1).nominal_bpw == (8 * 1100 + 4 * 1000) / 2100


def test_smaller_groups_are_bought_where_they_pay() -> None:
    """0.5 stored bits for a fifth of the KL beats 1 bit for a quarter, at this size."""
    kl = {"4": 0.5, "4/32": 0.1, "5": 0.09}
    model = dataclasses.replace(
        sensitivity([ComponentSensitivity("a", 6400, kl)], (4, 5)), group_sizes=(32, 64)
    )
    tight = spend_budget(model, Budget("stored_bpw", 5.0), footprint(model))
    assert (tight.components[0].choice, tight.group_sizes) == (Choice(4, 32), (32,))
    assert tight.components[0].reason == "saves 4.00e-01 nats over 4 bit for 400 B"
    wide = spend_budget(model, Budget("stored_bpw", 5.5), footprint(model))
    assert wide.components[0].choice == Choice(5, 64)


def test_a_component_whose_rows_a_group_does_not_divide_has_no_such_choice() -> None:
    kl = {"4/32": 0.1, "8/32": 0.0, "4": 0.0, "8": 0.0}
    model = sensitivity([ComponentSensitivity("a", 9600, kl)], (4, 8))
    allocation = spend_budget(model, Budget("target_bpw", 8.0), footprint(model, inputs=96))
    assert allocation.components[0].choice == Choice(8, 32)


def test_16_bit_keeps_a_component_where_the_budget_has_room() -> None:
    measured = sensitivity(
        [component("a", 6400, 0.5, 0.1), component("b", 6400, 0.1, 0.01)], (4, 8, 16)
    )
    room = spend_budget(measured, Budget("stored_bpw", 12.5), footprint(measured))
    assert [one.choice for one in room.components] == [UNQUANTIZED, Choice(8, 64)]
    assert room.nominal_bpw == 8.0  # of what is quantized
    assert room.stored_bpw == (16 + 8.5) / 2


def test_a_width_above_the_hull_is_passed_over() -> None:
    """4 bit saves next to nothing over 3, 8 bit nearly all: 8 is one step, 4 is never taken."""
    measured = sensitivity([component("jump", 100, 1.0, 1.0, 0.0)], WIDTHS)
    assert bits_of(spend(measured, 7.9)) == {"jump": 3}
    assert bits_of(spend(measured, 8.0)) == {"jump": 8}


def test_no_bit_is_spent_where_it_gains_nothing() -> None:
    measured = sensitivity([component("flat", 100, 0.1, 0.1)], (4, 8))
    assert spend(measured, 8.0).nominal_bpw == 4.0


def test_equal_gains_go_by_name() -> None:
    measured = sensitivity([component("b", 100, 0.1, 0.0), component("a", 100, 0.1, 0.0)], (4, 8))
    assert bits_of(spend(measured, 6.0)) == {"b": 4, "a": 8}


def test_a_router_stays_unquantized_and_a_shared_expert_gets_the_widest_width() -> None:
    mlp = "model.layers.0.mlp"
    measured = sensitivity(
        [
            component(f"{mlp}.gate", 6400, 9.0, 0.0),
            component(f"{mlp}.shared_expert_gate", 640, 9.0, 0.0),
            component(f"{mlp}.shared_expert.up_proj", 12800, 1e-9, 0.0),
            component(f"{mlp}.switch_mlp.gate_proj", 115200, 0.2, 0.0),
        ],
        (4, 8),
    )
    allocation = spend(measured, 4.5)
    assert [one.bits for one in allocation.components] == [16, 16, 8, 4]
    assert [one.group_size for one in allocation.components] == [0, 0, 64, 64]
    assert allocation.nominal_bpw == (8 * 12800 + 4 * 115200) / 128000  # routers are not in it
    assert allocation.stored_bytes == 2 * 7040 + 12800 * 8.5 / 8 + 115200 * 4.5 / 8
    assert [one.reason.split(":")[0] for one in allocation.components] == [
        "router",
        "router",
        "shared expert",
        "stays narrow",
    ]


def test_an_embedding_and_a_head_are_measured_and_not_widened_by_rule() -> None:
    rest = component("model.layers.0.mlp.up_proj", 100, 0.5, 0.0)
    for needy, idle in (("model.embed_tokens", "lm_head"), ("lm_head", "model.embed_tokens")):
        measured = sensitivity(
            [rest, component(needy, 100, 0.9, 0.0), component(idle, 100, 0.1, 0.0)], (4, 8)
        )
        allocation = spend(measured, 20 / 3)
        assert bits_of(allocation) == {rest.name: 8, needy: 8, idle: 4}
        reasons = {one.name: one.reason for one in allocation.components}
        assert ", measured like the rest: saves 9.00e-01 nats" in reasons[needy]
        assert ", measured like the rest: stays narrow: costs 1.00e-01 nats" in reasons[idle]


def test_a_component_that_nobody_measured_gets_the_widest_width() -> None:
    measured = sensitivity([component("a", 6400, 0.1, 0.0)], (4, 8))
    model = footprint(measured)
    model.weights["b"] = WeightShape(640, 64, 2)
    allocation = spend_budget(measured, Budget("target_bpw", 4.5), model)
    assert bits_of(allocation) == {"a": 4, "b": 8}
    assert allocation.components[1].reason == "other: not measured, so it gets the widest width"


def test_a_hundred_layers_land_under_the_budget_by_less_than_half_a_percent() -> None:
    shapes = [("self_attn.q_proj", 6400), ("mlp.up_proj", 25600), ("mlp.down_proj", 25600)]
    components = [
        ComponentSensitivity(
            f"model.layers.{layer}.{kind}",
            parameters,
            {str(bits): (1 + (layer * 7) % 13) * 4.0**-bits for bits in WIDTHS},
        )
        for layer in range(100)
        for kind, parameters in shapes
    ]
    components.append(
        ComponentSensitivity("model.embed_tokens", 6_400_000, {"3": 0.9, "4": 0.3, "8": 0.0})
    )
    measured = sensitivity(components, WIDTHS)
    model = footprint(measured, other=10_000)
    for stored_bpw in (4.5, 5.0, 5.6, 6.34):
        found = spend_budget(measured, Budget("stored_bpw", stored_bpw), model)
        assert 0.995 * stored_bpw <= found.stored_bpw <= stored_bpw


@given(measurements(), budgets)
def test_the_explanation_has_a_line_for_every_component(
    measured: Sensitivity, budget: float
) -> None:
    allocation = spend_budget(measured, Budget("stored_bpw", budget + 1), footprint(measured))
    head, *rows, found, foot = explain(allocation, measured).splitlines()
    assert [f"KL at {key}" in head for key in KEYS] == [True] * len(KEYS)
    assert len(rows) == len(allocation.components)
    for row, one in zip(rows, allocation.components, strict=True):
        assert row.split()[0] == one.name
        assert row.split()[2:4] == [str(one.bits), str(one.group_size)]
        assert row.endswith(one.reason)
    assert sum(int(part.split()[0]) for part in found.split(", ")) == len(rows)
    assert foot.startswith(f"nominal {allocation.nominal_bpw:.4f} and stored ")
    assert f"budget {budget + 1:g} stored bits per weight" in foot
    assert foot.endswith(f"a further MB would save {allocation.kl_per_megabyte:.1e} nats a token")


def test_the_configs_own_width_is_that_of_most_parameters() -> None:
    few = ComponentWidth("a", 3, 64, 64, "")
    most = ComponentWidth("b", 8, 64, 640, "")
    kept = ComponentWidth("c", 16, 0, 6400, "")
    assert usual_bits(allocation_of((few, most, kept))) == 8
