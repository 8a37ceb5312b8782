"""Spending a bit budget: arithmetic over made-up sensitivities."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtool.errors import BudgetImpossible
from hubtool.quantize.allocation import Allocation, explain, spend_budget
from hubtool.quantize.sensitivity import CalibrationUse, ComponentSensitivity, Sensitivity

WIDTHS = (3, 4, 8)


def sensitivity(components: Sequence[ComponentSensitivity], widths: Sequence[int]) -> Sensitivity:
    return Sensitivity(
        components=tuple(components),
        candidate_bits=tuple(widths),
        group_size=64,
        group_sizes=(64,),
        method="fisher",
        reference="bf16",
        reference_reason="as asked for",
        calibration=CalibrationUse("0" * 64, ("prose",), 8, 768),
        dtype="float32",
    )


def component(name: str, parameters: int, *kl: float) -> ComponentSensitivity:
    """One whose KL is ``kl`` at the first widths of 4, 8, or of 3, 4, 8."""
    widths = (4, 8) if len(kl) == 2 else WIDTHS
    return ComponentSensitivity(name, parameters, dict(zip(map(str, widths), kl, strict=True)))


def bits_of(allocation: Allocation) -> dict[str, int]:
    return {one.name: one.bits for one in allocation.components}


def total_kl(allocation: Allocation, measured: Sensitivity) -> float:
    kl = {one.name: one.kl for one in measured.components}
    return sum(kl[one.name][str(one.bits)] for one in allocation.components)


@st.composite
def measurements(draw: st.DrawFn) -> Sensitivity:
    """Up to 12 components whose KL falls with width, as measured ones do."""
    components = []
    for number in range(draw(st.integers(1, 12))):
        kl = sorted(draw(st.tuples(*[st.floats(1e-9, 1.0)] * len(WIDTHS))), reverse=True)
        parameters = 64 * draw(st.integers(1, 400))
        components.append(component(f"model.layers.{number}.proj", parameters, *kl))
    return sensitivity(components, WIDTHS)


budgets = st.floats(min(WIDTHS), max(WIDTHS))


@given(measurements(), budgets)
def test_the_budget_is_never_exceeded_and_the_figures_add_up(
    measured: Sensitivity, budget: float
) -> None:
    allocation = spend_budget(measured, budget)
    spent = sum(one.bits * one.parameters for one in allocation.components)
    parameters = sum(one.parameters for one in allocation.components)
    assert spent <= budget * parameters
    assert allocation.nominal_bpw == spent / parameters
    assert {one.bits for one in allocation.components} <= set(WIDTHS)
    assert [one.name for one in allocation.components] == [one.name for one in measured.components]


@given(measurements(), budgets)
def test_what_is_left_over_would_widen_no_component_that_gains(
    measured: Sensitivity, budget: float
) -> None:
    """So it lands within one component's step of the target."""
    allocation = spend_budget(measured, budget)
    parameters = sum(one.parameters for one in allocation.components)
    left = budget * parameters - allocation.nominal_bpw * parameters
    for one, of in zip(allocation.components, measured.components, strict=True):
        if one.bits == WIDTHS[0] and of.kl["3"] > min(of.kl.values()):
            assert (WIDTHS[-1] - one.bits) * one.parameters > left


@given(measurements(), budgets, st.randoms(use_true_random=False))
def test_equal_components_get_equal_widths_in_any_order(
    measured: Sensitivity, budget: float, random: object
) -> None:
    shuffled = list(measured.components)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = spend_budget(measured, budget)
    assert spend_budget(measured, budget) == first
    other = spend_budget(dataclasses.replace(measured, components=tuple(shuffled)), budget)
    assert set(other.components) == set(first.components)
    assert other.nominal_bpw == first.nominal_bpw


@given(measurements(), budgets, budgets)
def test_more_budget_is_never_worse(measured: Sensitivity, one: float, other: float) -> None:
    small, large = (spend_budget(measured, budget) for budget in sorted((one, other)))
    assert total_kl(large, measured) <= total_kl(small, measured) * (1 + 1e-12)


@given(measurements(), budgets)
def test_within_one_step_of_the_best_that_any_allocation_could_do(
    measured: Sensitivity, budget: float
) -> None:
    few = dataclasses.replace(measured, components=measured.components[:5])
    limit = budget * sum(one.parameters for one in few.components)
    best = min(
        sum(one.kl[str(bits)] for one, bits in zip(few.components, choice, strict=True))
        for choice in itertools.product(WIDTHS, repeat=len(few.components))
        if sum(b * one.parameters for b, one in zip(choice, few.components, strict=True)) <= limit
    )
    largest_step = max(one.kl["3"] - one.kl["8"] for one in few.components)
    assert best <= total_kl(spend_budget(few, budget), few) + 1e-12
    assert total_kl(spend_budget(few, budget), few) <= best + largest_step + 1e-12


def test_bits_go_where_they_save_the_most_for_their_cost() -> None:
    measured = sensitivity(
        [
            component("dear", 1000, 0.5, 0.1),
            component("cheap", 100, 0.1, 0.0),
            component("dull", 1000, 0.001, 0.0),
        ],
        (4, 8),
    )
    assert bits_of(spend_budget(measured, 4.0)) == {"dear": 4, "cheap": 4, "dull": 4}
    assert bits_of(spend_budget(measured, 4.2)) == {"dear": 4, "cheap": 8, "dull": 4}
    assert bits_of(spend_budget(measured, 6.1)) == {"dear": 8, "cheap": 8, "dull": 4}
    assert bits_of(spend_budget(measured, 8.0)) == {"dear": 8, "cheap": 8, "dull": 8}
    assert spend_budget(measured, 6.1).nominal_bpw == (8 * 1100 + 4 * 1000) / 2100


def test_a_width_above_the_hull_is_passed_over() -> None:
    """4 bit saves next to nothing over 3, 8 bit nearly all: 8 is one step, 4 is never taken."""
    measured = sensitivity([component("jump", 100, 1.0, 0.99, 0.0)], WIDTHS)
    assert bits_of(spend_budget(measured, 7.9)) == {"jump": 3}
    assert bits_of(spend_budget(measured, 8.0)) == {"jump": 8}


def test_no_bit_is_spent_where_it_gains_nothing() -> None:
    measured = sensitivity([component("flat", 100, 0.1, 0.1)], (4, 8))
    assert spend_budget(measured, 8.0).nominal_bpw == 4.0


def test_equal_gains_go_by_name() -> None:
    measured = sensitivity([component("b", 100, 0.1, 0.0), component("a", 100, 0.1, 0.0)], (4, 8))
    assert bits_of(spend_budget(measured, 6.0)) == {"b": 4, "a": 8}


def test_a_router_stays_unquantized_and_a_shared_expert_gets_the_widest_width() -> None:
    mlp = "model.layers.0.mlp"
    measured = sensitivity(
        [
            component(f"{mlp}.gate", 50, 9.0, 0.0),
            component(f"{mlp}.shared_expert_gate", 10, 9.0, 0.0),
            component(f"{mlp}.shared_expert.up_proj", 100, 1e-9, 0.0),
            component(f"{mlp}.switch_mlp.gate_proj", 900, 0.2, 0.0),
        ],
        (4, 8),
    )
    allocation = spend_budget(measured, 4.5)
    assert [one.bits for one in allocation.components] == [16, 16, 8, 4]
    assert allocation.nominal_bpw == (8 * 100 + 4 * 900) / 1000  # routers are not in it
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
        allocation = spend_budget(measured, 20 / 3)
        assert bits_of(allocation) == {rest.name: 8, needy: 8, idle: 4}
        reasons = {one.name: one.reason for one in allocation.components}
        assert ", measured like the rest: saves 9.00e-01 nats" in reasons[needy]
        assert ", measured like the rest: stays narrow: costs 1.00e-01 nats" in reasons[idle]


def test_a_budget_below_the_smallest_width_is_refused_with_both_figures() -> None:
    measured = sensitivity([component("a", 100, 0.1, 0.0)], (4, 8))
    with pytest.raises(BudgetImpossible) as caught:
        spend_budget(measured, 3.9)
    assert caught.value.details == {"target_bpw": 3.9, "least_bpw": 4.0}
    assert "3.9" in caught.value.message
    assert "4.000" in caught.value.message


def test_a_budget_below_what_the_rules_need_is_refused_and_the_least_is_enough() -> None:
    measured = sensitivity(
        [component("m.shared_expert.up", 100, 0.1, 0.0), component("other", 300, 0.1, 0.0)], (4, 8)
    )
    with pytest.raises(BudgetImpossible) as caught:
        spend_budget(measured, 4.9)
    assert caught.value.details == {"target_bpw": 4.9, "least_bpw": 5.0}
    assert spend_budget(measured, 5.0).nominal_bpw == 5.0


def test_a_model_of_routers_only_is_refused() -> None:
    measured = sensitivity([component("m.mlp.gate", 100, 0.1, 0.0)], (4, 8))
    with pytest.raises(BudgetImpossible, match="no component that can be quantized"):
        spend_budget(measured, 5.0)


@given(measurements(), budgets)
def test_the_explanation_has_a_line_for_every_component(
    measured: Sensitivity, budget: float
) -> None:
    allocation = spend_budget(measured, budget)
    _, *rows, foot = explain(allocation, measured).splitlines()
    assert len(rows) == len(allocation.components)
    for row, one in zip(rows, allocation.components, strict=True):
        assert row.split()[0] == one.name
        assert row.split()[2] == str(one.bits)
        assert row.endswith(one.reason)
    assert foot.startswith(f"nominal {allocation.nominal_bpw:.4f} bits per weight")
