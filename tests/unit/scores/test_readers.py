"""Score files: known by shape, exact values, and a clear word for everything that is wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from hubtool.errors import PathNotFound, ScoreFileInvalid
from hubtool.scores.readers.interface import read_scores


def write(tmp_path: Path, data: Any) -> Path:
    file = tmp_path / "scores.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return file


def own(*candidate: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"format": "hubtool-scores", "version": 1, "candidate": list(candidate), **others}


def score(benchmark: str = "mmlu", **fields: Any) -> dict[str, Any]:
    return {"benchmark": benchmark, "display_name": benchmark, "metric": "accuracy", **fields}


def test_counts_win_over_a_rounded_value(tmp_path: Path) -> None:
    file = write(tmp_path, own(score(value_percent=57.7, correct=577, n=1000)))
    scores = read_scores(file)
    assert scores.candidate[0].value_percent == pytest.approx(57.7, abs=1e-12)
    assert (scores.candidate[0].correct, scores.candidate[0].n) == (577, 1000)
    assert scores.source_file == "scores.json"
    assert scores.source_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


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
    scores = read_scores(write(tmp_path, {"task": "gsm8k", "score_pct": 80.0}))
    assert [(one.benchmark, one.value_percent) for one in scores.candidate] == [("gsm8k", 80.0)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "is not JSON"),
        ({"some": "thing"}, "no known format"),
        (own(), "candidate"),
        (own(score(value_percent=101.0)), r"candidate\.mmlu: 101\.0 is not a percentage"),
        (own(score(value_percent=-1.0)), "not a percentage"),
        (own(score()), "give value_percent, or correct and n"),
        (own(score(correct=5)), "correct needs n"),
        (own(score(correct=6, n=5)), "cannot exceed"),
        (own(score(value_percent=50.0, correct=577, n=1000)), "contradicts 577 of 1000"),
        (own(score(value_percent=5.0), score(value_percent=6.0)), r"candidate\.mmlu stands twice"),
        (own(score(value_percent=5.0, extra=1)), r"candidate\.0\.extra"),
        ('{"candidate": {"mmlu_pct": NaN}}', "mmlu_pct"),
        ({"task": "chess", "score_pct": 1.0}, "chess"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_field(
    tmp_path: Path, data: Any, words: str
) -> None:
    with pytest.raises(ScoreFileInvalid, match=words) as caught:
        read_scores(write(tmp_path, data))
    assert "scores.json" in caught.value.message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound):
        read_scores(tmp_path / "none.json")
