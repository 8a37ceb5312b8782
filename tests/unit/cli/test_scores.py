"""``hubtool scores validate``: what a card would take from a file, and what it would say beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hubtool.cli.scores import app
from hubtool.errors import PathNotFound, ScoreFileInvalid, TargetExists
from hubtool.scores.readers.interface import read_scores

SCORE = {"benchmark": "mmlu", "display_name": "MMLU (5-shot)", "metric": "accuracy", "n": 1000}
UNTOLD = "Only one side tells the harness of MMLU: whether both were measured alike is not known."
LEFT_OUT = "Left out, since only one side was measured: GPQA on this model."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    data: dict[str, Any] = {
        "format": "hubtool-scores",
        "version": 1,
        "candidate": [
            {**SCORE, "correct": 577, "harness": "lm-evaluation-harness"},
            {**SCORE, "benchmark": "gpqa", "display_name": "GPQA", "correct": 300},
        ],
        "baseline": [{**SCORE, "correct": 574}],
    }
    file = tmp_path / "scores.json"
    file.write_text(json.dumps(data))
    return file


def test_it_says_what_the_card_would_say(file: Path) -> None:
    shown = CliRunner().invoke(app, ["validate", str(file)])
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[-3:] == [
        "Mean of 1 benchmark (not the Capability Score): "
        "57.70 against 57.40 of the baseline, +0.30 (±4.33)",
        UNTOLD,
        LEFT_OUT,
    ]


def test_programs_are_told_as_well(file: Path) -> None:
    shown = CliRunner().invoke(app, ["validate", str(file), "--json"])
    assert json.loads(shown.stdout)["notes"] == [UNTOLD, LEFT_OUT]


def test_convert_replaces_no_file(file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    other = tmp_path / "other.json"
    other.write_text("mine")
    for out in (file, other):
        done = CliRunner().invoke(app, ["convert", str(file), "--out", str(out)])
        assert isinstance(done.exception, TargetExists)
    assert (file.read_bytes(), other.read_text()) == (before, "mine")


def test_convert_names_the_quant_that_the_baseline_is(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "own.json"
    args = ["convert", str(file), "--out", str(out), "--baseline", "org/quant"]
    done = CliRunner().invoke(app, args)
    assert "2 scores written" in done.stdout
    assert json.loads(out.read_text())["baseline_repo"] == "org/quant"


def test_a_filter_of_no_task_is_told(file: Path, tmp_path: Path) -> None:
    args = ["convert", str(file), "--out", str(tmp_path / "x"), "--filter", "nope=strict"]
    done = CliRunner().invoke(app, args)
    assert isinstance(done.exception, ScoreFileInvalid)
    assert "no task nope" in done.exception.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": "1000"}, "candidate.mmlu.n is not a whole number: '1000'"),
        ({"correct": True}, "candidate.mmlu.correct is not a whole number: True"),
        ({"date": "yesterday"}, "candidate.mmlu.date: 'yesterday' is no date"),
        ({"colour": 1}, "candidate.mmlu.colour is no field of this format"),
        ({"display_name": "A\nB"}, "candidate.mmlu.display_name is not of the form"),
        ({"display_name": "A" * 101}, "display_name has more than 100 characters"),
        ({"stderr_percent": 200}, "stderr_percent must be at most 100.0: 200"),
        ({"n": None}, "candidate.mmlu.n is not a whole number: None"),
    ],
)
def test_what_is_wrong_is_said_in_words(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = tmp_path / "bad.json"
    data = {"format": "hubtool-scores", "version": 1}
    file.write_text(json.dumps({**data, "candidate": [{**SCORE, "value_percent": 57.7, **change}]}))
    with pytest.raises(ScoreFileInvalid) as raised:
        read_scores(file)
    assert said in raised.value.message
    assert "bad.json" in raised.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b" \n", "is empty"), (b'{\n"a": "\xff"}', "line 2: not UTF-8")],
)
def test_files_without_scores_are_told_apart(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(ScoreFileInvalid, match=said):
        read_scores(tmp_path / "bad.json")
    with pytest.raises(PathNotFound, match="is no file"):
        read_scores(tmp_path)


def test_a_baseline_is_a_repo(tmp_path: Path, file: Path) -> None:
    data = {**json.loads(file.read_text()), "baseline_repo": "nope"}
    file.write_text(json.dumps(data))
    with pytest.raises(ScoreFileInvalid, match="baseline_repo is not of the form"):
        read_scores(file)
