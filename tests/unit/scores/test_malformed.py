"""Every field of every format, taken away or replaced by something odd: never a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.capability import compare
from hubtool.scores.readers.hubtool_json import dump
from hubtool.scores.readers.interface import read_scores

OWN = {
    "format": "hubtool-scores",
    "version": 1,
    "candidate": [
        {
            "benchmark": "mmlu",
            "display_name": "MMLU (5-shot, 4)",
            "metric": "acc",
            "n": 4,
            "correct": 2,
            "few_shot": 5,
            "stderr_percent": 1.5,
            "failed_items": ["a", "b"],
            "source_sha256": "a" * 64,
        }
    ],
    "baseline": [
        {"benchmark": "mmlu", "display_name": "M", "metric": "acc", "n": 4, "value_percent": 50.0}
    ],
}
OPTIQ = {
    "candidate": {"model_path": "x/y", "mmlu_pct": 50, "failed_benchmarks": ["GSM8K"]},
    "baseline": {"model_path": "a/b", "mmlu_pct": 49.5},
}
HARNESS = {
    "results": {
        "gsm8k": {"exact_match,strict-match": 0.621, "exact_match_stderr,strict-match": 0.0134},
        "g": {"alias": "g", "acc,none": 0.5, "acc_stderr,none": 0.01},
        "part": {"alias": " - part", "acc,none": 0.5, "acc_stderr,none": 0.01},
    },
    "group_subtasks": {"g": ["part"]},
    "versions": {"gsm8k": 3.0},
    "n-shot": {"gsm8k": 5},
    "n-samples": {"gsm8k": {"original": 1319, "effective": 100}},
    "config": {"model": "hf", "limit": 100.0},
    "date": 1780000000.0,
    "lm_eval_version": "0.4.13",
}
BARE = {"ifeval": {"alias": "ifeval", "prompt_level_strict_acc,none": 0.58}}
BARE["ifeval"]["prompt_level_strict_acc_stderr,none"] = 0.0212
BFCL = [
    {"accuracy": 0.5, "correct_count": 1, "total_count": 2},
    {"id": "simple_17", "test_category": "simple", "valid": False, "error": ["wrong"]},
]
RESULTS = [
    {
        "dataset": {"id": "openai/gsm8k", "task_id": "gsm8k"},
        "value": 62.4,
        "date": "2026-11-20",
        "notes": "first 1000 test items",
    }
]
INDEX = {
    "model-index": [
        {
            "name": "t",
            "results": [
                {
                    "task": {"type": "text-generation"},
                    "dataset": {"type": "openai/gsm8k", "name": "GSM8K (1000 items)"},
                    "metrics": [{"type": "exact_match", "value": 62.4, "name": "3-shot"}],
                }
            ],
        }
    ]
}
FILES: dict[str, Any] = {
    "own.json": OWN,
    "optiq.json": OPTIQ,
    "single.json": {"model_path": "x/y", "task": "bfcl", "score_pct": 70.0},
    "results.json": HARNESS,
    "eval_m_0.4.13_05_ifeval": BARE,
    "bfcl.json": BFCL,
    "results.yaml": RESULTS,
    "index.yaml": INDEX,
}
GONE = object()
ODD = [
    *(None, True, 0, -1, 1e400, float("nan"), 10**400, "x", "N/A"),
    *([], {}, ["x"], [None], [[]], {"a": 1}, GONE),
]


def text_of(name: str, data: Any) -> str:
    if name.endswith("yaml"):
        return str(yaml.safe_dump(data))
    if name == "bfcl.json" and isinstance(data, list):
        return "\n".join(json.dumps(line) for line in data)
    return json.dumps(data)


def places(data: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in ``data``."""
    inside = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inside:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def changed(data: Any, place: tuple[Any, ...], value: Any) -> Any:
    data = copy.deepcopy(data)
    owner = data
    for key in place[:-1]:
        owner = owner[key]
    if value is GONE:
        del owner[place[-1]]
    else:
        owner[place[-1]] = value
    return data


@pytest.mark.parametrize("name", FILES)
def test_the_file_as_it_is_reads(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(text_of(name, FILES[name]))
    assert read_scores(tmp_path / name).candidate


@pytest.mark.parametrize("name", FILES)
def test_whatever_stands_in_a_field_is_read_or_refused_by_name(tmp_path: Path, name: str) -> None:
    file, refusals = tmp_path / name, []
    for place in places(FILES[name]):
        for value in ODD:
            file.write_text(text_of(name, changed(FILES[name], place, value)))
            try:
                scores = read_scores(file)
                compare(scores)
                dump(scores)
            except ScoreFileInvalid as error:
                refusals.append((place, value, error.message))
    assert len(refusals) > len(ODD)
    assert [one for one in refusals if not one[2].startswith(name)] == []


@pytest.mark.parametrize("value", ODD[:-1])
@pytest.mark.parametrize("name", ["x.json", "x.yaml"])
def test_a_file_that_is_one_odd_value_is_no_score_file(
    tmp_path: Path, name: str, value: Any
) -> None:
    (tmp_path / name).write_text(text_of(name, value))
    with pytest.raises(ScoreFileInvalid):
        read_scores(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps(OWN).replace('"n": 4,', '"n": 4, "n": 40,', 1), "n: the key stands twice"),
        (json.dumps(OPTIQ).replace('"mmlu_pct": 50', '"mmlu_pct": 5, "mmlu_pct": 50'), "mmlu_pct"),
        (text_of("bfcl.json", BFCL).replace('"id"', '"id": "a", "id"'), "id: the key stands twice"),
        (text_of("bfcl.json", [BFCL[0], "x"]), "line 2 is not an object: 'x'"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps(HARNESS).replace('["part"]', '["g"]'), "g: the group contains itself"),
        (json.dumps(HARNESS).replace('"effective": 100', '"effective": 0'), "effective"),
        (json.dumps(HARNESS).replace("0.0134", "Infinity"), "exact_match_stderr,strict-match"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ScoreFileInvalid) as caught:
        read_scores(tmp_path / "x.json")
    assert caught.value.message.startswith("x.json")
    assert words in caught.value.message
