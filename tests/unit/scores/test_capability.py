"""The Capability Score: the mean of all six, or a mean that says what it is of."""

from __future__ import annotations

import dataclasses
import math

import pytest

from hubtool.scores.capability import compare
from hubtool.scores.noise import Paired, interval, mcnemar, standard_error, wilson
from hubtool.scores.record import Score, ScoreSet
from tests.support.card_facts import scores


def test_all_six_on_both_sides_make_it_complete() -> None:
    result = compare(scores())
    assert result is not None
    assert result.complete
    assert [row.benchmark for row in result.rows] == [
        "mmlu",
        "gsm8k",
        "ifeval",
        "bfcl",
        "humaneval",
        "hashhop",
    ]
    exact = (57.7 + 80.0 + 69.1 + 70.0 + 100 * 134 / 164 + 36.0) / 6
    assert result.candidate_mean == pytest.approx(exact, abs=1e-12)


def test_a_missing_benchmark_on_one_side_is_left_out_of_both() -> None:
    both = scores()
    result = compare(dataclasses.replace(both, baseline=both.baseline[1:]))
    assert result is not None
    assert not result.complete
    assert len(result.rows) == 5
    assert result.baseline_mean == pytest.approx(
        sum(s.value_percent for s in both.baseline[1:]) / 5
    )


def test_a_run_cut_short_makes_it_incomplete() -> None:
    both = scores()
    cut = dataclasses.replace(both.candidate[0], partial=True)
    result = compare(dataclasses.replace(both, candidate=(cut, *both.candidate[1:])))
    assert result is not None
    assert not result.complete


def test_without_a_baseline_there_is_no_delta() -> None:
    result = compare(dataclasses.replace(scores(), baseline=()))
    assert result is not None
    assert result.complete
    assert (result.baseline_mean, result.delta_points, result.noise_points) == (None, None, None)


def test_no_scores_no_mean() -> None:
    assert compare(ScoreSet()) is None


def test_noise_of_a_share_and_of_the_mean() -> None:
    half = Score("mmlu", "MMLU", "accuracy", 50.0, n=100)
    assert standard_error(half) == pytest.approx(5.0)
    assert standard_error(dataclasses.replace(half, stderr_percent=1.5)) == 1.5
    result = compare(ScoreSet(candidate=(half,), baseline=(half,)))
    assert result is not None
    assert result.noise_points == pytest.approx(math.hypot(5.0, 5.0))


def test_all_right_is_not_certain() -> None:
    perfect = Score("mmlu", "MMLU", "accuracy", 100.0, n=10)
    assert standard_error(perfect) > 5
    assert interval(perfect) == (pytest.approx(72.24672001371108), pytest.approx(100.0))


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    # scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
    [
        (0.5, 100, 40.38315303659956, 59.61684696340044),
        (0.05, 20, 0.8881448800795402, 23.613119344674203),
        (0.0, 30, 0.0, 11.351339317396874),
    ],
)
def test_wilson_is_that_of_scipy(share: float, n: int, low: float, high: float) -> None:
    assert wilson(share, n) == (pytest.approx(low), pytest.approx(high))


def test_an_interval_of_a_given_error_stays_within_0_and_100() -> None:
    given = Score("x", "x", "f1", 99.0, n=50, stderr_percent=2.0)
    assert interval(given) == (pytest.approx(95.08007), 100.0)


@pytest.mark.parametrize(
    ("one", "other", "p_value"),
    # scipy.stats.binomtest(one, one + other).pvalue
    [
        (0, 0, 1.0),
        (5, 0, 0.0625),
        (10, 2, 0.03857421875),
        (31, 28, 0.794843653982861),
        (400, 300, 0.0001784763144856244),
    ],
)
def test_mcnemar_is_the_binomial_test(one: int, other: int, p_value: float) -> None:
    assert mcnemar(one, other) == pytest.approx(p_value, rel=1e-9)


def test_pairs_over_the_same_items_make_less_noise() -> None:
    ours = Score("bfcl", "BFCL", "accuracy", 90.0, n=100, failed_items=tuple("abcdefghij"))
    theirs = Score("bfcl", "BFCL", "accuracy", 88.0, n=100, failed_items=tuple("abcdefghijkl"))
    (row,) = compare(ScoreSet((ours,), (theirs,))).rows  # type: ignore[union-attr]
    assert row.paired == Paired(only_candidate=2, only_baseline=0, p_value=0.5)
    assert row.noise_points == pytest.approx(100 * math.sqrt(2 - 4 / 100) / 100)
    alone = dataclasses.replace(theirs, failed_items=None)
    (row,) = compare(ScoreSet((ours,), (alone,))).rows  # type: ignore[union-attr]
    assert row.paired is None
    assert row.noise_points == pytest.approx(math.hypot(3.0, 3.2496), abs=1e-3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"few_shot": 0}, ("few_shot",)),
        ({"n": 500}, ("n",)),
        ({"harness": "other", "harness_version": "2"}, ("harness", "harness_version")),
        ({"few_shot": None}, ()),  # not told is not another
    ],
)
def test_other_settings_are_no_capability_score(
    change: dict[str, object], named: tuple[str, ...]
) -> None:
    both = scores()
    told = {"few_shot": 5, "harness": "lm-eval", "harness_version": "1"}
    ours = dataclasses.replace(both.candidate[0], **told)  # type: ignore[arg-type]
    theirs = dataclasses.replace(both.baseline[0], **{**told, **change})  # type: ignore[arg-type]
    result = compare(
        dataclasses.replace(
            both, candidate=(ours, *both.candidate[1:]), baseline=(theirs, *both.baseline[1:])
        )
    )
    assert result is not None
    assert result.rows[0].differs == named
    assert (result.comparable, result.complete) == (not named, not named)
