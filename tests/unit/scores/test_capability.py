"""The Capability Score: the mean of all six, or a mean that says what it is of."""

from __future__ import annotations

import dataclasses
import math

import pytest

from hubtool.scores.capability import compare, standard_error
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
    assert standard_error(dataclasses.replace(half, n=None)) is None
    result = compare(ScoreSet(candidate=(half,), baseline=(half,)))
    assert result is not None
    assert result.noise_points == pytest.approx(math.hypot(5.0, 5.0))
