"""The Capability Score: the mean of all six, or a mean that says what it is of."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from hubtool.card.example_parts import scores
from hubtool.scores.capability import compare
from hubtool.scores.noise import Paired, interval, mcnemar, standard_error, wilson
from hubtool.scores.record import Score, ScoreSet


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


@pytest.mark.parametrize("given", [0.0, None])
def test_an_error_of_zero_is_as_good_as_none(given: float | None) -> None:
    perfect = Score("x", "x", "acc", 100.0, n=10, stderr_percent=given)
    assert interval(perfect) == wilson(1.0, 10)
    assert standard_error(perfect) > 5


def test_counts_win_over_a_given_error_everywhere() -> None:
    counted = Score("x", "x", "acc", 50.0, n=100, correct=50, stderr_percent=1.0)
    assert interval(counted) == wilson(0.5, 100)
    assert standard_error(counted) == pytest.approx(5.0)


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
        ({"variant": "gsm8k_cot", "filter": "flexible-extract"}, ("variant", "filter")),
        ({"task_version": "2"}, ("task_version",)),
    ],
)
def test_other_settings_are_no_capability_score(
    change: dict[str, object], named: tuple[str, ...]
) -> None:
    both = scores()
    told = {"few_shot": 5, "harness": "lm-eval", "harness_version": "1", "variant": "gsm8k"}
    told |= {"filter": "strict-match", "task_version": "3"}
    ours = dataclasses.replace(both.candidate[0], **told)  # type: ignore[arg-type]
    theirs = dataclasses.replace(both.baseline[0], **{**told, **change})  # type: ignore[arg-type]
    result = compare(
        dataclasses.replace(
            both, candidate=(ours, *both.candidate[1:]), baseline=(theirs, *both.baseline[1:])
        )
    )
    assert result is not None
    assert result.rows[0].differs == named
    assert (result.comparable, result.complete) == (False, False)


@pytest.mark.parametrize("told_by", ["candidate", "baseline"])
@pytest.mark.parametrize("setting", [{"few_shot": 5}, {"harness": "lm-eval"}, {"filter": "none"}])
def test_a_setting_that_one_side_tells_is_named_and_no_capability_score(
    told_by: str, setting: dict[str, Any]
) -> None:
    both = scores()
    first, *others = getattr(both, told_by)
    side = (dataclasses.replace(first, **setting), *others)
    result = compare(dataclasses.replace(both, **{told_by: side}))
    assert result is not None
    assert result.rows[0].undisclosed == tuple(setting)
    assert [row.undisclosed for row in result.rows[1:]] == [()] * 5
    assert (result.comparable, result.disclosed, result.complete) == (True, False, False)


def test_settings_that_nobody_tells_or_that_both_tell_are_the_same() -> None:
    both = scores()
    told = {"few_shot": 5, "harness": "lm-eval", "variant": "mmlu", "filter": "none"}
    alike = compare(
        ScoreSet(
            tuple(dataclasses.replace(one, **told) for one in both.candidate),  # type: ignore[arg-type]
            tuple(dataclasses.replace(one, **told) for one in both.baseline),  # type: ignore[arg-type]
        )
    )
    untold = compare(both)
    assert alike is not None
    assert untold is not None
    assert (alike.complete, untold.complete) == (True, True)


def test_a_further_benchmark_leaves_the_capability_score_as_it_is() -> None:
    both, alone = scores(), compare(scores())
    gpqa = Score("gpqa", "GPQA", "acc", 50.0, 198)
    result = compare(
        ScoreSet(
            candidate=(gpqa, *both.candidate),
            baseline=(dataclasses.replace(gpqa, few_shot=5), *both.baseline),
        )
    )
    assert result is not None
    assert alone is not None
    assert [row.benchmark for row in result.further] == ["gpqa"]
    assert dataclasses.replace(result, further=()) == alone
    assert result.complete


def test_benchmarks_beside_the_six_alone_have_a_mean_of_their_own() -> None:
    result = compare(ScoreSet(candidate=(Score("gpqa", "GPQA", "acc", 50.0, 198),)))
    assert result is not None
    assert (len(result.rows), result.further, result.candidate_mean) == (1, (), 50.0)


def test_what_one_side_alone_has_is_named() -> None:
    both = scores()
    gpqa = Score("gpqa", "GPQA", "acc", 50.0, 198)
    result = compare(ScoreSet(candidate=(*both.candidate[:5], gpqa), baseline=both.baseline))
    assert result is not None
    assert result.candidate_only == ("GPQA",)
    assert result.baseline_only == ("HashHop (long-context)",)


def test_two_sides_that_share_nothing_are_not_compared_but_shown() -> None:
    both = scores()
    result = compare(ScoreSet(candidate=both.candidate[:1], baseline=both.baseline[1:2]))
    assert result is not None
    assert ([row.benchmark for row in result.rows], result.baseline_mean) == (["mmlu"], None)
    assert result.baseline_only == ("GSM8K (1000)",)


def test_unlike_runs_are_not_compared_item_by_item() -> None:
    ours = Score("q", "Q", "acc", 50.0, 100, few_shot=5, failed_items=tuple(map(str, range(50))))
    theirs = dataclasses.replace(ours, few_shot=0)
    alike, unlike = compare(ScoreSet((ours,), (ours,))), compare(ScoreSet((ours,), (theirs,)))
    assert alike is not None
    assert unlike is not None
    assert alike.rows[0].paired is not None
    assert (unlike.rows[0].differs, unlike.rows[0].paired) == (("few_shot",), None)


def test_scores_that_an_earlier_hubtool_published_are_read() -> None:
    later = ("variant", "filter", "task_version", "n_from")
    data = scores().to_json()
    for score in (*data["candidate"], *data["baseline"]):
        for field in later:
            del score[field]
    assert ScoreSet.from_json(data) == scores()
