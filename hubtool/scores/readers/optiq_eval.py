"""``optiq eval --output-json``: one record, or candidate and baseline."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import Choice
from hubtool.scores.record import Score, ScoreSet

# field -> (id, display name, metric, items, few-shot): what `--task all` of mlx-optiq 0.7 runs.
# The record itself holds no sample sizes; HashHop is 25 items at each of 4 hop levels.
FIELDS: dict[str, tuple[str, str, str, int, int | None]] = {
    "mmlu_pct": ("mmlu", "MMLU (5-shot, 1000)", "accuracy", 1000, 5),
    "gsm8k_pct": ("gsm8k", "GSM8K (1000)", "accuracy", 1000, None),
    "ifeval_strict_pct": ("ifeval", "IFEval (full, strict)", "prompt_level_strict", 541, None),
    "bfcl_pct": ("bfcl", "BFCL-V3 simple (200)", "accuracy", 200, None),
    "humaneval_pct": ("humaneval", "HumanEval (pass@1, 164)", "pass@1", 164, None),
    "hashhop_pct": ("hashhop", "HashHop (long-context)", "accuracy", 100, None),
}
_REPO_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


def fits(data: Any) -> bool:
    """A record with ``model_path`` and a ``*_pct``, or such a pair."""
    if not isinstance(data, dict):
        return False
    record = data.get("candidate", data)
    return isinstance(record, dict) and bool(set(record) & {*FIELDS, "score_pct"})


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """The scores; a failed benchmark (null) is left out."""
    file = path.name
    if "candidate" not in data:
        return ScoreSet(candidate=_side(data, file, "candidate"))
    baseline = data.get("baseline") or {}
    named = baseline.get("model_path")
    is_repo = isinstance(named, str) and _REPO_ID.fullmatch(named)
    return ScoreSet(
        candidate=_side(data["candidate"], file, "candidate"),
        baseline=_side(baseline, file, "baseline") if baseline else (),
        baseline_repo=named if is_repo else None,
    )


def _side(record: Any, file: str, side: str) -> tuple[Score, ...]:
    if "task" in record and "score_pct" in record:
        record = {_field_of(str(record["task"]), file): record["score_pct"]}
    found = []
    for field, (benchmark, name, metric, n, few_shot) in FIELDS.items():
        value = record.get(field)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise ScoreFileInvalid(
                f"{file}: {side}.{field}: {value!r} is not a number", "run that benchmark again"
            )
        found.append(
            Score(benchmark, name, metric, float(value), n, None, None, few_shot, "mlx-optiq")
        )
    if not found:
        raise ScoreFileInvalid(
            f"{file}: {side} has no score", "run `optiq eval --task all --output-json FILE`"
        )
    return tuple(found)


def _field_of(task: str, file: str) -> str:
    field = next((field for field in FIELDS if field.startswith(task)), None)
    if field is None:
        raise ScoreFileInvalid(f"{file}: task {task!r} is not known", f"one of {sorted(FIELDS)}")
    return field
