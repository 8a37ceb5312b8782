"""Results of BFCL."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import read_scores
from hubtool.scores.record import Score

BFCL = """{"accuracy": 0.5, "correct_count": 2, "total_count": 4}
{"id": "simple_1", "test_category": "simple", "valid": false}
{"id": "simple_2", "test_category": "simple", "valid": false}
"""


def read(tmp_path: Path, text: str, name: str = "results.json") -> dict[str, Score]:
    (tmp_path / name).write_text(text)
    return {score.benchmark: score for score in read_scores(tmp_path / name).candidate}


def test_bfcl_counts_are_kept_and_its_category_named(tmp_path: Path) -> None:
    score = read(tmp_path, BFCL)["bfcl_simple"]
    assert (score.value_percent, score.n, score.correct) == (50.0, 4, 2)
    assert score.display_name == "BFCL simple (4)"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"correct_count": 2', '"correct_count": 3', "contradicts 3 of 4"),
        ('"total_count": 4', '"total_count": 0', r"line 1\.total_count"),
        ('{"id": "simple_2", "test_category": "simple", "valid": false}\n', "", "1 are listed"),
    ],
)
def test_a_bfcl_file_that_does_not_add_up_is_refused(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    with pytest.raises(ScoreFileInvalid, match=words):
        read(tmp_path, BFCL.replace(old, new))


def test_a_bfcl_file_without_a_failed_case_is_one_line(tmp_path: Path) -> None:
    line = '{"accuracy": 1.0, "correct_count": 4, "total_count": 4}\n'
    assert read(tmp_path, line, "BFCL_v3_simple_score.json")["bfcl_simple"].correct == 4
    assert read(tmp_path, line)["bfcl_all"].failed_items == ()
