"""``optiq eval --output-json``: one record, or candidate and baseline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import Choice
from hubtool.scores.readers.percent import percentage
from hubtool.scores.record import Score, ScoreSet


class _Task(NamedTuple):
    benchmark: str
    display_name: str
    metric: str
    n: int
    few_shot: int | None = None


# what mlx-optiq 0.7 runs unless `--n-samples` is given; HashHop is 25 items at each of 4 hop levels
FIELDS = {
    "mmlu_pct": _Task("mmlu", "MMLU (5-shot, 1000)", "accuracy", 1000, 5),
    "gsm8k_pct": _Task("gsm8k", "GSM8K (1000)", "accuracy", 1000),
    "ifeval_strict_pct": _Task("ifeval", "IFEval (full, strict)", "prompt_level_strict", 541),
    "bfcl_pct": _Task("bfcl", "BFCL-V3 simple (200)", "accuracy", 200),
    "humaneval_pct": _Task("humaneval", "HumanEval (pass@1, 164)", "pass@1", 164),
    "hashhop_pct": _Task("hashhop", "HashHop (long-context)", "accuracy", 100),
}
N_FROM = "the defaults of mlx-optiq"  # its records hold no sample sizes
_REPO_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_REMEDY = "run `optiq eval --task all --output-json FILE`"


def fits(data: Any) -> bool:
    """A record with a ``*_pct`` of the six, or such a pair."""
    if not isinstance(data, dict):
        return False
    records = (data, data.get("candidate"))
    return any(isinstance(one, dict) and set(one) & {*FIELDS, "score_pct"} for one in records)


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """The scores; a failed benchmark (null) is left out."""
    file = path.name
    if "candidate" not in data:
        return ScoreSet(candidate=_side(data, file, "candidate"))
    baseline = data.get("baseline")
    named = baseline.get("model_path") if isinstance(baseline, dict) else None
    is_repo = isinstance(named, str) and _REPO_ID.fullmatch(named)
    return ScoreSet(
        candidate=_side(data["candidate"], file, "candidate"),
        baseline=() if baseline in (None, {}) else _side(baseline, file, "baseline"),
        baseline_repo=named if is_repo else None,
    )


def _side(record: Any, file: str, side: str) -> tuple[Score, ...]:
    if not isinstance(record, dict):
        raise ScoreFileInvalid(f"{file}: {side}: {str(record)[:40]} is no record", _REMEDY)
    if "score_pct" in record:
        named = {_field_of(record.get("task"), file, side): "score_pct"}
    else:
        named = {field: field for field in FIELDS if record.get(field) is not None}
    if not named:
        raise ScoreFileInvalid(f"{file}: {side} has no score", _REMEDY)
    return tuple(
        Score(
            benchmark=task.benchmark,
            display_name=task.display_name,
            metric=task.metric,
            value_percent=percentage(record[key], f"{file}: {side}.{key}"),
            n=task.n,
            few_shot=task.few_shot,
            harness="mlx-optiq",
            n_from=N_FROM,
        )
        for task, key in ((FIELDS[field], key) for field, key in named.items())
    )


def _field_of(task: Any, file: str, side: str) -> str:
    for field, one in FIELDS.items():
        if task == one.benchmark:
            return field
    raise ScoreFileInvalid(
        f"{file}: {side}.task: {str(task)[:40]!r} is not known",
        f"one of {', '.join(one.benchmark for one in FIELDS.values())}",
    )
