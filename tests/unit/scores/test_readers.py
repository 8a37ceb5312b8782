"""Score files: known by shape, exact values, and a clear word for everything that is wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from hubtool.errors import PathNotFound, ScoreFileInvalid
from hubtool.scores.readers.hubtool_json import dump
from hubtool.scores.readers.interface import read_all_scores, read_scores


def write(tmp_path: Path, data: Any) -> Path:
    file = tmp_path / "scores.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return file


def own(*candidate: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"format": "hubtool-scores", "version": 1, "candidate": list(candidate), **others}


def score(benchmark: str = "mmlu", **fields: Any) -> dict[str, Any]:
    named = {"benchmark": benchmark, "display_name": benchmark, "metric": "accuracy", "n": 1000}
    return {**named, **fields}


def test_counts_win_over_a_rounded_value(tmp_path: Path) -> None:
    file = write(tmp_path, own(score(value_percent=57.7, correct=577, n=1000)))
    scores = read_scores(file)
    assert scores.candidate[0].value_percent == pytest.approx(57.7, abs=1e-12)
    assert (scores.candidate[0].correct, scores.candidate[0].n) == (577, 1000)
    assert scores.source_files == ("scores.json",)
    assert scores.candidate[0].source_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_pair_of_mlx_optiq_names_its_baseline(tmp_path: Path) -> None:
    pair = {
        "candidate": {"model_path": "/home/x/quant", "mmlu_pct": 57.7, "gsm8k_pct": None},
        "baseline": {"model_path": "mlx-community/base-4bit", "mmlu_pct": 57.4},
    }
    scores = read_scores(write(tmp_path, pair))
    assert [(one.benchmark, one.value_percent, one.n) for one in scores.candidate] == [
        ("mmlu", 57.7, 1000)
    ]
    assert scores.baseline_repo == "mlx-community/base-4bit"
    assert "/home" not in json.dumps(scores.to_json())


def test_a_single_task_of_mlx_optiq(tmp_path: Path) -> None:
    (score,) = read_scores(write(tmp_path, {"task": "gsm8k", "score_pct": 80.0})).candidate
    assert (score.benchmark, score.value_percent, score.n) == ("gsm8k", 80.0, 1000)
    assert score.n_from == "the defaults of mlx-optiq"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "is not JSON"),
        ({"some": "thing"}, "no known format"),
        (own(), "candidate"),
        (own(score(value_percent=101.0)), r"candidate\.mmlu: 101\.0 is not a percentage"),
        (own(score(value_percent=-1.0)), "not a percentage"),
        (own(score()), "give value_percent or correct"),
        (own(score(correct=5, n=None)), r"candidate\.mmlu\.n"),
        (own(score(correct=5, n=0)), r"candidate\.mmlu\.n"),
        (own(score(correct=8, n=10, failed_items=["a"])), "lists 1, not 2"),
        (own(score(correct=8, n=10, failed_items=["a", "a"])), "names an item twice"),
        (own(score(correct=6, n=5)), "cannot exceed"),
        (own(score(value_percent=50.0, correct=577, n=1000)), "contradicts 577 of 1000"),
        (own(score(value_percent=5.0), score(value_percent=6.0)), r"candidate\.mmlu stands twice"),
        (own(score(value_percent=5.0, extra=1)), r"candidate\.mmlu\.extra"),
        (
            own(score(value_percent=0.577)),
            r"candidate\.mmlu: value_percent: 0\.577 may be a fraction",
        ),
        (own(score(value_percent=1)), "may be a fraction"),
        (own(score(value_percent="50")), r"candidate\.mmlu\.value_percent"),
        (own(score(correct=1, n=True)), r"candidate\.mmlu\.n"),
        (own(score(correct=1, n=10**400)), r"candidate\.mmlu\.n"),
        (own(score(correct=1, stderr_percent=float("inf"))), r"candidate\.mmlu\.stderr_percent"),
        (own(score(correct=5, display_name="M (5-shot, 100)")), "says 100 items, n is 1000"),
        (own(score(correct=5, display_name="M (10,000)")), "says 10,000 items, n is 1000"),
        (own(score(correct=5, display_name="M (1000 of 14,042)")), "then partial is true"),
        (own(score(correct=5, display_name="M (5-shot)", few_shot=0)), "5-shot, few_shot is 0"),
        ('{"candidate": {"mmlu_pct": NaN}}', "mmlu_pct"),
        ({"task": "chess", "score_pct": 1.0}, "chess"),
        ({"task": "m", "score_pct": 70.0}, r"candidate\.task: 'm' is not known"),
        ({"task": "mmlu", "score_pct": 0.577}, r"candidate\.score_pct: 0\.577 may be a fraction"),
        ({"mmlu_pct": 0.577}, r"candidate\.mmlu_pct: 0\.577 may be a fraction"),
        ({"candidate": {"mmlu_pct": 57.7}, "baseline": {"mmlu_pct": 0.574}}, "baseline.mmlu_pct"),
        ({"candidate": {"mmlu_pct": 57.7}, "baseline": ["x"]}, "baseline: .* is no record"),
        ({"candidate": {"mmlu_pct": 157.7}}, "candidate.mmlu_pct: 157.7 is not a percentage"),
        ({"candidate": "foo", "mmlu_pct": 3}, "candidate: foo is no record"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_field(
    tmp_path: Path, data: Any, words: str
) -> None:
    with pytest.raises(ScoreFileInvalid, match=words) as caught:
        read_scores(write(tmp_path, data))
    assert "scores.json" in caught.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"correct": 5, "n": 1000},
        {"correct": 0},
        {"value_percent": 0.0},
        {"value_percent": 1.1, "display_name": "M (pass@1, 1,000)"},
        {"correct": 8, "display_name": "M (5-shot, 1000 of 14042)", "partial": True, "few_shot": 5},
        {"correct": 8, "display_name": "AIME 2024 (full, strict)"},
    ],
)
def test_counts_say_that_a_small_value_is_no_fraction(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    file = write(tmp_path, own(score(**fields)))
    (read,) = read_scores(file).candidate
    assert read.value_percent == fields.get("value_percent", fields.get("correct", 0) / 10)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound):
        read_scores(tmp_path / "none.json")


RESULTS = """
- dataset: {id: openai/gsm8k, task_id: gsm8k}
  value: 62.4
  date: "2026-11-20"
  notes: "first 1,000 test items, 3-shot"
- dataset: {id: acme/puzzles, task_id: hard}
  value: 20.90
  notes: 50 questions
"""


def test_eval_results_of_the_hub_say_their_items_in_the_notes(tmp_path: Path) -> None:
    file = tmp_path / "results.yaml"
    file.write_text(RESULTS)
    gsm8k, other = read_scores(file).candidate
    assert (gsm8k.benchmark, gsm8k.value_percent, gsm8k.n) == ("gsm8k", 62.4, 1000)
    assert (gsm8k.partial, gsm8k.date) == (True, "2026-11-20")
    assert gsm8k.display_name == "GSM8K (first 1,000 test items, 3-shot)"
    assert (other.benchmark, other.n, other.partial) == ("acme/puzzles/hard", 50, False)


CARD = """---
model-index:
- name: tiny
  results:
  - task: {type: text-generation}
    dataset: {type: openai/gsm8k, name: GSM8K (1319 items)}
    metrics:
    - {type: speed, value: 3}
    - {type: exact_match, value: 62.4, name: 3-shot}
---
text
"""


def test_a_model_index_is_read_from_a_card(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(CARD)
    (gsm8k,) = read_scores(file).candidate
    assert (gsm8k.benchmark, gsm8k.metric, gsm8k.value_percent) == ("gsm8k", "exact_match", 62.4)
    assert (gsm8k.n, gsm8k.partial) == (1319, False)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("r.yaml", RESULTS.replace("62.4", "0.624"), r"\[0\]\.value: 0\.624 may be a fraction"),
        ("r.yaml", RESULTS.replace("50 questions", "greedy"), r"\[1\]\.notes: n is missing"),
        ("r.yaml", RESULTS.replace(", task_id: hard", ""), r"\[1\]\.dataset: id and task_id"),
        ("r.yaml", RESULTS.replace("20.90", "many"), "'many' is not a number"),
        ("r.yaml", RESULTS.replace("acme/puzzles", "openai/gsm8k"), "gsm8k stands twice"),
        ("r.yaml", "- dataset: [", "line 1"),
        ("README.md", CARD.replace(" (1319 items)", ""), r"dataset\.name: n is missing"),
        ("README.md", CARD.replace("value: 62.4", "value: .nan"), "None is not a number"),
        ("README.md", "no front matter", "no known format"),
    ],
)
def test_what_these_formats_leave_open_is_asked_for(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(ScoreFileInvalid, match=words) as caught:
        read_scores(file)
    assert name in caught.value.message


def test_several_files_make_one_set_and_each_score_keeps_its_own(tmp_path: Path) -> None:
    ours, more, theirs = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json"
    ours.write_text(json.dumps(own(score(correct=577))))
    more.write_text(json.dumps(own(score("gsm8k", correct=800))))
    theirs.write_text(json.dumps(own(score(correct=574))))
    scores = read_all_scores([ours, more], [theirs])
    assert [one.benchmark for one in scores.candidate] == ["mmlu", "gsm8k"]
    assert [one.correct for one in scores.baseline] == [574]
    assert scores.source_files == ("a.json", "b.json", "c.json")
    more.write_text(ours.read_text())
    with pytest.raises(
        ScoreFileInvalid, match=r"a\.json and b\.json: candidate\.mmlu stands twice"
    ):
        read_all_scores([ours, more])


def test_a_set_written_in_our_own_format_reads_back_the_same(tmp_path: Path) -> None:
    told = {"variant": "mmlu_x", "filter": "none", "task_version": "2", "n_from": "a guess"}
    file = write(tmp_path, own(score(correct=998, failed_items=["a", "b"], few_shot=5, **told)))
    scores = read_scores(file)
    again = tmp_path / "again.json"
    again.write_text(json.dumps(dump(scores)))
    assert read_scores(again) == scores
