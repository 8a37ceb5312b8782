"""Sentences on scores: what may be called a gain, and what must be said beside it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from hubtool.card.example_parts import seed_facts
from hubtool.card.examples import EXAMPLES
from hubtool.card.facts import CardFacts
from hubtool.card.phrases import signed
from hubtool.card.score_wording import (
    assumed_items,
    claim,
    doubts,
    gains_and_losses,
    paired_words,
    row_delta,
)
from hubtool.scores.capability import Capability, compare
from hubtool.scores.record import Score, ScoreSet

OURS = Score("gsm8k", "GSM8K (1319)", "exact_match", 80.0, 1319)
THEIRS = dataclasses.replace(OURS, value_percent=60.0)


def compared(ours: dict[str, Any], theirs: dict[str, Any]) -> Capability:
    result = compare(
        ScoreSet((dataclasses.replace(OURS, **ours),), (dataclasses.replace(THEIRS, **theirs),))
    )
    assert result is not None
    return result


def facts(capability: Capability) -> CardFacts:
    return dataclasses.replace(seed_facts(), capability=capability, baseline_repo="org/base")


def test_beats_needs_all_settings_told_alike() -> None:
    said = claim(facts(compared({"few_shot": 5}, {"few_shot": 5})))
    assert said == "It beats org/base by 20.00 points on the mean of one benchmark."
    said = claim(facts(compared({"few_shot": 5}, {})))
    assert said is not None
    assert said.startswith("It scores +20.00 points on the mean of one benchmark against org/base")
    assert said.endswith("whether both were measured alike is not known.")
    assert claim(facts(compared({"few_shot": 5}, {"few_shot": 0}))) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (
            {"filter": "flexible-extract"},
            {"filter": "strict-match"},
            "The two sides were not measured alike: GSM8K (another answer filter).",
        ),
        (
            {"variant": "gsm8k"},
            {"variant": "gsm8k_cot"},
            "The two sides were not measured alike: GSM8K (another variant of the task).",
        ),
        (
            {"harness": "x", "few_shot": 5},
            {},
            "Only one side tells the number of examples in the prompt and the harness of GSM8K: "
            "whether both were measured alike is not known.",
        ),
        (
            {"n_from": "its standard error"},
            {},
            "The number of items of GSM8K is in no score file: it is taken from its standard error.",
        ),
        ({}, {}, None),
    ],
)
def test_every_doubt_is_told(
    ours: dict[str, Any], theirs: dict[str, Any], words: str | None
) -> None:
    assert doubts(compared(ours, theirs)) == ((words,) if words else ())


def test_a_row_that_cannot_be_compared_has_no_figures() -> None:
    failed = tuple(map(str, range(100)))
    unlike = compared(
        {"few_shot": 5, "failed_items": failed}, {"few_shot": 0, "failed_items": failed}
    )
    assert row_delta(unlike.rows[0]) == "not comparable"
    assert (paired_words(unlike), gains_and_losses(unlike)) == (None, None)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-0.04, 1, "+0.0"),
        (0.04, 1, "+0.0"),
        (-0.06, 1, "-0.1"),
        (-0.0, 2, "+0.00"),
        (1.186, 2, "+1.19"),
    ],
)
def test_no_sign_stands_before_nothing(value: float, digits: int, text: str) -> None:
    assert signed(value, digits) == text


def test_an_item_count_of_a_harness_is_told_beside_the_source() -> None:
    capability = EXAMPLES["unlike_files"]().capability
    assert capability is not None
    assert assumed_items(capability) == (
        "The number of items of BFCL-V3 simple is in no score file: "
        "it is taken from the defaults of mlx-optiq."
    )
