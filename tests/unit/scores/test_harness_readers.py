"""Results of lm-evaluation-harness and mlx_lm.evaluate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.capability import compare
from hubtool.scores.readers.hubtool_json import dump
from hubtool.scores.readers.interface import Choice, read_all_scores, read_scores
from hubtool.scores.record import Score

HARNESS: dict[str, Any] = {
    "results": {
        "gsm8k": {
            "alias": "gsm8k",
            "exact_match,strict-match": 0.621,
            "exact_match_stderr,strict-match": 0.0134,
            "exact_match,flexible-extract": 0.634,
            "exact_match_stderr,flexible-extract": 0.0133,
        },
        "mmlu": {"alias": "mmlu", "acc,none": 0.5, "acc_stderr,none": 0.004},
        "mmlu_stem": {"alias": " - stem", "acc,none": 0.4, "acc_stderr,none": "N/A"},
        "mmlu_other": {"alias": " - other", "acc,none": 0.6, "acc_stderr,none": "N/A"},
        "ifeval": {
            "prompt_level_loose_acc,none": 0.7,
            "prompt_level_strict_acc,none": 0.58,
            "prompt_level_strict_acc_stderr,none": 0.0212,
        },
    },
    "group_subtasks": {"mmlu": ["mmlu_stem", "mmlu_other"]},
    "n-shot": {"gsm8k": 5, "mmlu_stem": 5, "mmlu_other": 5, "ifeval": 0},
    "n-samples": {
        "gsm8k": {"original": 1319, "effective": 1319},
        "mmlu_stem": {"original": 3000, "effective": 3000},
        "mmlu_other": {"original": 3000, "effective": 3000},
        "ifeval": {"original": 541, "effective": 541},
    },
    "config": {"limit": None},
    "date": 1780000000.0,
    "lm_eval_version": "0.4.13",
}


def read(tmp_path: Path, data: Any, name: str = "results.json") -> dict[str, Score]:
    file = tmp_path / name
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return {score.benchmark: score for score in read_scores(file).candidate}


def test_a_results_file_gives_one_score_a_task_with_its_setting(tmp_path: Path) -> None:
    scores = read(tmp_path, HARNESS)
    assert list(scores) == ["gsm8k", "mmlu", "ifeval"]
    gsm8k = scores["gsm8k"]
    assert gsm8k.value_percent == pytest.approx(62.1)
    assert gsm8k.stderr_percent == pytest.approx(1.34)
    assert gsm8k.display_name == "GSM8K (5-shot, strict-match, 1319)"
    assert (gsm8k.n, gsm8k.few_shot, gsm8k.partial, gsm8k.date) == (1319, 5, False, "2026-05-28")
    assert (gsm8k.harness, gsm8k.harness_version) == ("lm-evaluation-harness", "0.4.13")
    assert scores["mmlu"].display_name == "MMLU (5-shot, 6000)"
    assert scores["ifeval"].metric == "prompt_level_strict_acc"


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"limit": 100.0}},
        {"n-samples": {**HARNESS["n-samples"], "gsm8k": {"original": 1319, "effective": 100}}},
    ],
)
def test_a_limited_run_is_marked(tmp_path: Path, change: dict[str, Any]) -> None:
    score = read(tmp_path, {**HARNESS, **change})["gsm8k"]
    assert score.partial
    shown = "100 of 1319" if score.n == 100 else "1319"
    assert score.display_name == f"GSM8K (5-shot, strict-match, {shown})"


def test_the_settings_that_make_a_score_are_kept(tmp_path: Path) -> None:
    data = {**HARNESS, "versions": {"gsm8k": 3.0, "mmlu": 2, "ifeval": "N/A"}}
    scores = read(tmp_path, data)
    assert [(one.variant, one.filter, one.task_version) for one in scores.values()] == [
        ("gsm8k", "strict-match", "3"),
        ("mmlu", "none", "2"),
        ("ifeval", "none", None),
    ]


def one_task(tmp_path: Path, name: str, task: str, **values: float) -> Path:
    file = tmp_path / name
    entry = {f"exact_match,{key.replace('_', '-')}": value for key, value in values.items()}
    sizes = {task: {"original": 1319, "effective": 1319}}
    file.write_text(json.dumps({"results": {task: entry}, "n-shot": {task: 5}, "n-samples": sizes}))
    return file


def test_another_filter_or_variant_of_a_task_is_not_compared(tmp_path: Path) -> None:
    strict = one_task(tmp_path, "a.json", "gsm8k", strict_match=0.844, flexible_extract=0.892)
    loose = one_task(tmp_path, "b.json", "gsm8k", flexible_extract=0.892)
    chain = one_task(tmp_path, "c.json", "gsm8k_cot", strict_match=0.75)
    for ours, theirs, differs, name in (
        (loose, strict, ("filter",), "GSM8K (5-shot, flexible-extract, 1319)"),
        (chain, strict, ("variant",), "GSM8K (gsm8k_cot, 5-shot, strict-match, 1319)"),
    ):
        result = compare(read_all_scores([ours], [theirs]))
        assert result is not None
        assert (result.rows[0].differs, result.rows[0].display_name) == (differs, name)
        assert not result.comparable


def test_a_share_that_is_exact_tells_its_count(tmp_path: Path) -> None:
    file = one_task(tmp_path, "a.json", "gsm8k", strict_match=6 / 1319)
    (score,) = read_scores(file).candidate
    assert (score.correct, score.n) == (6, 1319)
    assert dump(read_scores(file))["candidate"][0]["correct"] == 6  # no fraction, though below 1 %


MMLU_PARTS = {"formal_logic": (126, 53), "algebra": (100, 33), "law": (13816, 8665)}


def mmlu(sizes: dict[str, tuple[int, int]], value: float | None = None) -> dict[str, Any]:
    """The bare results of MMLU: a group of groups, whose errors are pooled ones."""
    found: dict[str, Any] = {}
    for name, (n, right) in sizes.items():
        share = right / n
        error = (share * (1 - share) / (n - 1)) ** 0.5
        found |= {f"mmlu_{name}": {"alias": f"  - {name}", **accuracy(share, error)}}
    whole = sum(right for _, right in sizes.values()) / sum(n for n, _ in sizes.values())
    return {
        "mmlu": {**accuracy(value or whole, 0.0038), "alias": "mmlu"},
        "mmlu_stem": {**accuracy(0.5, 0.0086), "alias": " - stem"},
        **found,
    }


def accuracy(share: float, error: float) -> dict[str, float]:
    return {"acc,none": share, "acc_stderr,none": error}


def test_a_group_without_a_list_of_its_parts_is_one_score(tmp_path: Path) -> None:
    scores = read(tmp_path, mmlu(MMLU_PARTS), "eval_m_0.4.9_05_mmlu")
    (score,) = scores.values()
    assert (score.display_name, score.n, score.partial) == ("MMLU (5-shot, 14042)", 14042, False)
    assert (score.few_shot, score.harness_version) == (5, "0.4.9")
    assert score.n_from == "the standard errors of its parts"
    bare = {name: {**entry, "alias": None} for name, entry in mmlu(MMLU_PARTS).items()}
    (score,) = read(tmp_path, bare).values()
    assert (score.display_name, score.n) == ("MMLU (14042)", 14042)
    short = {name: (n // 10, right // 10) for name, (n, right) in MMLU_PARTS.items()}
    (score,) = read(tmp_path, mmlu(short)).values()
    assert (score.display_name, score.partial) == ("MMLU (1403 of 14042)", True)


def test_another_task_beside_a_group_stays_a_score(tmp_path: Path) -> None:
    pro = {"mmlu_pro": {"alias": "mmlu_pro", "acc,none": 0.3, "acc_stderr,none": 0.01}}
    assert list(read(tmp_path, {**mmlu(MMLU_PARTS), **pro})) == ["mmlu", "mmlu_pro"]
    alone = {"g": {"alias": "g"}, "part": {"alias": " - part", **accuracy(0.5, 0.05)}}
    assert list(read(tmp_path, alone)) == ["part"]  # its group has no value


@pytest.mark.parametrize(
    "name", ["eval_m_0.4.9_05_gsm8k", "eval_m_05_mmlu", "mmlu", "eval_org_model-2.5_mmlu"]
)
def test_a_name_that_is_not_that_of_this_run_tells_nothing(tmp_path: Path, name: str) -> None:
    (score,) = read(tmp_path, mmlu(MMLU_PARTS), name).values()
    assert score.few_shot is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (mmlu(MMLU_PARTS, value=0.7), "the standard errors of its parts cannot tell it"),
        (mmlu({**MMLU_PARTS, "zero": (5, 0)}), "the standard errors of its parts cannot tell it"),
        ({"mmlu": accuracy(0.6232, 0.0038)}, "these are 16263 items, MMLU has 14042"),
        ({"squad": {"f1,none": 0.5, "f1_stderr,none": 0.01}}, "its standard error cannot tell it"),
        ({"arc": accuracy(1.0, 0.0)}, "its standard error cannot tell it"),
    ],
)
def test_no_number_of_items_is_made_up(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(ScoreFileInvalid, match=words):
        read(tmp_path, data)


def test_the_bare_results_of_mlx_lm_get_their_n_from_the_standard_error(tmp_path: Path) -> None:
    error = (0.58 * 0.42 / 540) ** 0.5
    inner = {
        "ifeval": {
            "alias": "ifeval",
            "prompt_level_strict_acc,none": 0.58,
            "prompt_level_strict_acc_stderr,none": error,
        }
    }
    score = read(tmp_path, inner, "eval_tiny_0.4.13_ifeval")["ifeval"]
    assert (score.n, score.partial, score.display_name) == (541, False, "IFEval (541)")
    rounded = {"ifeval": {**inner["ifeval"], "prompt_level_strict_acc_stderr,none": 0.0211}}
    assert read(tmp_path, rounded)["ifeval"].n == 541
    short = {"ifeval": {**inner["ifeval"], "prompt_level_strict_acc_stderr,none": 0.05}}
    assert read(tmp_path, short)["ifeval"].partial


def test_a_task_of_its_own_is_read_by_its_first_metric(tmp_path: Path) -> None:
    own = {"results": {"my_task": {"acc_norm,none": 0.25, "acc_norm_stderr,none": 0.03}}}
    score = read(tmp_path, own)["my_task"]
    assert (score.metric, score.value_percent) == ("acc_norm", 25.0)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"exact_match,strict-match": 62.1}, "not a fraction"),
        ({"exact_match,strict-match": -0.1}, "not a fraction"),
        ({"exact_match,strict-match": 0.6}, "n is missing"),
        ({"acc,none": 0.6}, "no exact_match among acc,none"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_field(
    tmp_path: Path, entry: dict[str, Any], words: str
) -> None:
    with pytest.raises(ScoreFileInvalid, match=words) as caught:
        read(tmp_path, {"results": {"gsm8k": entry}})
    assert caught.value.message.startswith("results.json: results.gsm8k")


def samples(path: Path, task: str, values: list[float], filter_: str = "strict-match") -> None:
    lines = [
        json.dumps({"doc_id": place, "filter": chosen, "exact_match": value, "doc": {"q": "..."}})
        for place, value in enumerate(values)
        for chosen in (filter_, "flexible-extract")
    ]
    (path / f"samples_{task}_2026-11-20.jsonl").write_text("\n".join(lines) + "\n")


def test_logged_samples_tell_which_items_failed(tmp_path: Path) -> None:
    data = {
        "results": {"gsm8k": HARNESS["results"]["gsm8k"]},
        "n-samples": {"gsm8k": {"original": 4, "effective": 4}},
    }
    name = "results_2026-11-20.json"
    assert read(tmp_path, data, name)["gsm8k"].failed_items is None
    samples(tmp_path, "gsm8k", [1.0, 0.0, 1.0, 0.0])
    assert read(tmp_path, data, name)["gsm8k"].failed_items == ("gsm8k/1", "gsm8k/3")
    samples(tmp_path, "gsm8k", [1.0, 0.0, 1.0])  # of another run
    assert read(tmp_path, data, name)["gsm8k"].failed_items is None
    samples(tmp_path, "gsm8k", [1.0, 0.0, 1.0, 0.0])
    exact = {**data, "results": {"gsm8k": {"exact_match,strict-match": 0.75}}}
    with pytest.raises(ScoreFileInvalid, match="3 of 4 are right, but the samples"):
        read(tmp_path, exact, name)
    (tmp_path / "samples_gsm8k_2026-11-20.jsonl").write_text("{")
    with pytest.raises(ScoreFileInvalid, match="line 1 is no sample"):
        read(tmp_path, data, name)


def test_filter_and_part_of_a_group_can_be_chosen(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(HARNESS))
    choice = Choice(("gsm8k", "mmlu_stem"), {"gsm8k": "flexible-extract"})
    gsm8k, stem = read_scores(file, choice).candidate
    assert (gsm8k.value_percent, gsm8k.display_name) == (
        pytest.approx(63.4),
        "GSM8K (5-shot, flexible-extract, 1319)",
    )
    assert (stem.benchmark, stem.n) == ("mmlu_stem", 3000)
    with pytest.raises(ScoreFileInvalid, match="no filter 'loose'"):
        read_scores(file, Choice(filters={"gsm8k": "loose"}))
    with pytest.raises(ScoreFileInvalid, match=r"results\.arc is not there"):
        read_scores(file, Choice(("arc",)))
