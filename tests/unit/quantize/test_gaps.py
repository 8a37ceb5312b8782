"""What is said of sensitivities that lack something for the allocation made from them."""

from __future__ import annotations

import dataclasses

import pytest

from hubtool.quantize.allocation import spend_budget
from hubtool.quantize.budget import Budget
from hubtool.quantize.choice import Asked
from hubtool.quantize.footprint import Footprint, WeightShape
from hubtool.quantize.gaps import gaps_of
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.sensitivity import ComponentSensitivity, Origin, Sensitivity
from tests.support.allocations import component, footprint, sensitivity

# at 4.0 nominal bits nothing is left over
MEASURED = sensitivity([component("a", 6400, 0.5, 0.1), component("b", 6400, 0.1, 0.0)], (4, 8))


def said(
    measured: Sensitivity = MEASURED,
    target_bpw: float = 4.0,
    *,
    model: Footprint | None = None,
    asked: Asked | None = None,
    rounding: RoundingName = "nearest",
) -> tuple[str, ...]:
    model = model or footprint(measured)
    allocation = spend_budget(measured, Budget("target_bpw", target_bpw), model)
    return gaps_of(measured, allocation, model, asked=asked or Asked(), rounding=rounding)


def test_where_nothing_is_lacking_nothing_is_said() -> None:
    assert said() == ()
    assert said(asked=Asked((4, 8, 16), (64,))) == ()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(bits=(3, 4, 5)), "3 bit, 5 bit"),
        (Asked(group_sizes=(32, 64)), "groups of 32"),
        (Asked((3, 4), (32, 64)), "3 bit, groups of 32"),
    ],
)
def test_choices_that_were_asked_for_and_are_not_there(asked: Asked, words: str) -> None:
    assert said(asked=asked) == (f"the sensitivities have nothing at {words}",)


def test_a_choice_that_some_components_lack_is_told_with_their_number() -> None:
    some = ComponentSensitivity("c", 6400, {"4": 0.1})
    measured = dataclasses.replace(MEASURED, components=(*MEASURED.components, some))
    words = "the sensitivities have nothing at 8 bit for 1 component"
    assert words in said(measured, asked=Asked(bits=(4, 8)))


def test_groups_that_divide_no_row_are_not_missed() -> None:
    assert said(model=footprint(MEASURED, inputs=64), asked=Asked(group_sizes=(64, 128))) == ()
    wide = footprint(MEASURED, inputs=128)
    assert "groups of 128" in said(model=wide, asked=Asked(group_sizes=(64, 128)))[0]


def test_components_that_nobody_measured_are_named_but_not_a_router() -> None:
    model = footprint(MEASURED)
    model.weights["model.layers.0.mlp.gate"] = WeightShape(640, 64, 2)
    assert said(model=model) == ()
    model.weights["lm_head"] = WeightShape(64, 64, 2)
    (one,) = said(target_bpw=4.025, model=model)
    assert one == "1 component was not measured and gets the widest width: lm_head"
    model.weights.update({f"c{number}": WeightShape(64, 64, 2) for number in range(4)})
    (more,) = said(target_bpw=4.1, model=model)
    assert more == "5 components were not measured and get the widest width: c0, c1, c2 and 2 more"


def test_a_budget_that_the_widths_cannot_spend_is_told_with_the_reason() -> None:
    assert said(target_bpw=4.01) == ()
    assert said(target_bpw=6.0) == ()
    (step,) = said(target_bpw=5.0)
    assert step == (
        "20.0% of the budget stays unspent: of 4 and 8 bit no wider choice fits into it and lowers the KL"
    )
    (widest,) = said(target_bpw=10.0)
    assert widest == (
        "20.0% of the budget stays unspent: every component has the widest width there is, 8 bit; "
        "with 16 among --candidate-bits some would stay unquantized"
    )


@pytest.mark.parametrize(
    ("bits", "more"),
    [((4,), "--candidate-bits names wider ones"), ((4, 16), "16 does not fit into it")],
)
def test_one_width_is_told_as_the_only_one(bits: tuple[int, ...], more: str) -> None:
    measured = dataclasses.replace(
        sensitivity([ComponentSensitivity("a", 6400, {"4": 0.5})], (4,)), candidate_bits=bits
    )
    assert said(measured, target_bpw=5.0) == (
        f"20.0% of the budget stays unspent: 4 bit is the only width to choose from; {more}",
    )


@pytest.mark.parametrize(
    ("method", "rounding", "words"),
    [
        ("fisher", "search", ("the sensitivities are of rounding by nearest; weights are rounded "
                              "by search",)),
        ("fisher", "nearest", ()),
        ("static", "search", ()),
        ("published", "search", ("the sensitivities do not say which rounding they are of; weights "
                                 "are rounded by search",)),
    ],
)  # fmt: skip
def test_another_rounding_than_the_sensitivities_are_of(
    method: Origin, rounding: RoundingName, words: tuple[str, ...]
) -> None:
    assert said(dataclasses.replace(MEASURED, method=method), rounding=rounding) == words


def test_what_gptq_only_searches_is_told() -> None:
    measured = dataclasses.replace(MEASURED, rounding="gptq")
    model = footprint(measured, inputs=8192)
    assert said(measured, model=model, rounding="gptq") == ()
    model.weights["model.layers.0.mlp.gate"] = WeightShape(6400, 8256, 2)  # a router is not rounded
    assert said(measured, model=model, rounding="gptq") == ()
    model.weights["a"] = WeightShape(6400, 8256, 2)
    (one,) = said(measured, model=model, rounding="gptq")
    assert one.startswith("1 component has more than 8192 inputs: gptq looks at the diagonal")
    plain = dataclasses.replace(MEASURED, rounding="search")
    assert said(plain, model=model, rounding="search") == ()
