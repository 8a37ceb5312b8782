"""lm-evaluation-harness: its ``results_*.json``, and the bare results that mlx_lm.evaluate writes.

Values are fractions there and percentages here. A key is ``<metric>,<filter>``;
two filters of one metric can differ by points, so the filter is named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import Choice
from hubtool.scores.readers.known import Known, known_task
from hubtool.scores.readers.lm_eval_samples import failed_items
from hubtool.scores.record import Score, ScoreSet

HARNESS = "lm-evaluation-harness"


ROUNDING = 0.02  # relative
# of several filters of one metric, the strictest first
FILTERS = ("none", "strict-match", "create_test", "get-answer", "flexible-extract")


def fits(data: Any) -> bool:
    """``results`` of tasks, or the tasks alone: mappings with a ``metric,filter`` key."""
    return isinstance(data, dict) and bool(_tasks(data))


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """One score a task; subtasks of a group are left to their group unless they are chosen.

    Which items failed is read from the ``samples_*.jsonl`` of the same run, if they lie beside.
    """
    tasks = _tasks(data)
    groups = data.get("group_subtasks") or {}
    inside = {task for subtasks in groups.values() for task in subtasks}
    wanted = choice.tasks or tuple(task for task in tasks if task not in inside)
    unknown = [task for task in wanted if task not in tasks]
    if unknown:
        raise ScoreFileInvalid(
            f"{path.name}: results.{unknown[0]} is not there", f"it has: {', '.join(tasks)}"
        )
    found = [_score(task, tasks[task], data, path, choice.filters.get(task)) for task in wanted]
    return ScoreSet(candidate=tuple(found))


def _tasks(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    entries = data.get("results", data)
    if not isinstance(entries, dict):
        return {}
    return {
        task: entry
        for task, entry in entries.items()
        if isinstance(entry, dict) and any("," in str(key) for key in entry)
    }


def _score(
    task: str, entry: dict[str, Any], data: dict[str, Any], path: Path, filter_: str | None
) -> Score:
    known = known_task(task)
    metric, chosen = _choose(task, entry, known.metric if known else None, filter_, path.name)
    field = f"{path.name}: results.{task}.{metric},{chosen}"
    value = _fraction(entry[f"{metric},{chosen}"], field)
    stderr = entry.get(f"{metric}_stderr,{chosen}")
    error = float(stderr) if isinstance(stderr, int | float) and math.isfinite(stderr) else None
    counted = _counted(task, data)
    n = counted[0] if counted else _items(value, error, known)
    if n is None:
        raise ScoreFileInvalid(
            f"{field}: n is missing, and no standard error tells it",
            "give the score in hubtool's own format (docs/reference/scores.md), with n",
        )
    shots = _shots(task, data)
    limited = (data.get("config") or {}).get("limit") is not None
    whole = counted[1] if counted else (known.items if known else n)
    settings = [
        *([f"{shots}-shot"] if shots is not None else []),
        *([chosen] if chosen != "none" and chosen != "create_test" else []),
        str(n),
    ]
    return Score(
        benchmark=known.benchmark if known else task,
        display_name=f"{known.name if known else task} ({', '.join(settings)})",
        metric=metric,
        value_percent=100 * value,
        n=n,
        stderr_percent=None if error is None else 100 * error,
        few_shot=shots,
        harness=HARNESS,
        harness_version=data.get("lm_eval_version"),
        date=_date(data.get("date")),
        partial=limited or n < whole,
        failed_items=failed_items(path, _leaves(task, data), metric, chosen, n),
    )


def _choose(
    task: str, entry: Mapping[str, Any], wanted: str | None, filter_: str | None, file: str
) -> tuple[str, str]:
    """(metric, filter) to read: the task's own metric, else the first; the strictest filter."""
    keys = [
        tuple(key.split(",", 1))
        for key, value in entry.items()
        if "," in key and "_stderr," not in key and isinstance(value, int | float)
    ]
    metrics = [metric for metric, _ in keys]
    metric = wanted if wanted in metrics else (metrics[0] if metrics and not wanted else None)
    if metric is None:
        raise ScoreFileInvalid(
            f"{file}: results.{task}: no {wanted or 'metric'} among {', '.join(entry)}",
            "run the task again, or give the score in hubtool's own format",
        )
    filters = [chosen for one, chosen in keys if one == metric]
    if filter_ is not None and filter_ not in filters:
        raise ScoreFileInvalid(
            f"{file}: results.{task}.{metric} has no filter {filter_!r}",
            f"it has: {', '.join(filters)}",
        )
    return metric, filter_ or min(filters, key=lambda one: (_rank(one), one))


def _rank(name: str) -> int:
    return FILTERS.index(name) if name in FILTERS else len(FILTERS)


def _fraction(value: Any, field: str) -> float:
    number = float(value)
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise ScoreFileInvalid(
            f"{field}: {value} is not a fraction between 0 and 1", "run the task again"
        )
    return number


def _counted(task: str, data: Mapping[str, Any]) -> tuple[int, int] | None:
    """(items that were run, items of the whole set); a group's are those of its subtasks."""
    samples = data.get("n-samples") or {}
    tasks = [task] if task in samples else (data.get("group_subtasks") or {}).get(task, [])
    leaves = [_counted_leaf(one, data) for one in tasks]
    known = [leaf for leaf in leaves if leaf is not None]
    if not leaves or len(known) < len(leaves):
        return None
    return sum(done for done, _ in known), sum(whole for _, whole in known)


def _counted_leaf(task: str, data: Mapping[str, Any]) -> tuple[int, int] | None:
    entry = (data.get("n-samples") or {}).get(task)
    if isinstance(entry, dict) and isinstance(entry.get("effective"), int):
        effective: int = entry["effective"]
        original = entry.get("original")
        return effective, original if isinstance(original, int) else effective
    nested = (data.get("group_subtasks") or {}).get(task)
    return _counted(task, data) if nested else None


def _items(share: float, error: float | None, known: Known | None) -> int | None:
    """Items behind a share whose standard error is that of the mean of a 0/1 sample.

    error^2 = p (1 - p) / (n - 1), solved for n; None where that says nothing.
    A printed error is rounded, so what comes near the whole set's size is that.
    """
    if not error or share in (0.0, 1.0):
        return None
    n = round(share * (1 - share) / error**2) + 1
    return known.items if known and abs(n / known.items - 1) < ROUNDING else n


def _leaves(task: str, data: Mapping[str, Any]) -> list[str]:
    """The task itself, or of a group the tasks that were run for it."""
    below = (data.get("group_subtasks") or {}).get(task)
    return [leaf for one in below for leaf in _leaves(one, data)] if below else [task]


def _shots(task: str, data: Mapping[str, Any]) -> int | None:
    shots = (data.get("n-shot") or {}).get(task)
    if shots is None:
        below = (data.get("group_subtasks") or {}).get(task, [])
        counts = {(data.get("n-shot") or {}).get(one) for one in below}
        shots = counts.pop() if len(counts) == 1 else None
    return shots if isinstance(shots, int) else None


def _date(value: Any) -> str | None:
    if not isinstance(value, int | float):
        return None
    return datetime.fromtimestamp(value, UTC).date().isoformat()
