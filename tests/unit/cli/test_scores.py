"""``hubtool scores validate``: what a card would take from a file, and what it would say beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hubtool.cli.scores import app

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
        "Mean of 1 benchmark (not the Capability Score): 57.70",
        UNTOLD,
        LEFT_OUT,
    ]


def test_programs_are_told_as_well(file: Path) -> None:
    shown = CliRunner().invoke(app, ["validate", str(file), "--json"])
    assert json.loads(shown.stdout)["notes"] == [UNTOLD, LEFT_OUT]
