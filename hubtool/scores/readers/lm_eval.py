"""lm-evaluation-harness: its ``results_*.json``, and the bare results that mlx_lm.evaluate writes.

Values are fractions there and percentages here. A key is ``<metric>,<filter>``;
two filters of one metric can differ by points, so the filter is named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import Choice
from hubtool.scores.readers.known import Known, known_task
from hubtool.scores.readers.lm_eval_run import Run, holds_value, run_of
from hubtool.scores.readers.lm_eval_samples import failed_items
from hubtool.scores.record import Score, ScoreSet

HARNESS = "lm-evaluation-harness"

ROUNDING = 0.02  # relative, of an n that a printed standard error tells
AGREES = 0.005  # a group's value against the mean of its parts, as fractions
COUNTED = 1e-6  # items, of a value that is a share of right ones
# of several filters of one metric, the strictest first
FILTERS = ("none", "strict-match", "create_test", "get-answer", "flexible-extract")
PLAIN_FILTERS = ("none", "create_test")  # the only one of their tasks: a name need not say it
# metrics whose items are right or wrong
RIGHT_OR_WRONG = frozenset(
    {
        *("acc", "acc_norm", "exact_match", "em", "pass@1"),
        *("prompt_level_strict_acc", "prompt_level_loose_acc"),
    }
)
_OWN = "give the score in hubtool's own format (docs/reference/scores.md), with n"


class _Value(NamedTuple):
    metric: str
    filter: str
    share: float  # 0 to 1
    error: float | None  # of the share
    field: str  # for messages


class _Counted(NamedTuple):
    n: int  # items that were run
    whole: int  # items of the whole set
    origin: str | None  # where n is from, if the file does not state it


def fits(data: Any) -> bool:
    """``results`` of tasks, or the tasks alone: mappings with a ``metric,filter`` key."""
    entries = data.get("results", data) if isinstance(data, dict) else None
    return isinstance(entries, dict) and any(holds_value(entry) for entry in entries.values())


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """One score a task; subtasks of a group are left to their group unless they are chosen.

    Which items failed is read from the ``samples_*.jsonl`` of the same run, if they lie beside.
    """
    run = run_of(data, path)
    tasks = run.tasks
    wanted = choice.tasks or tuple(task for task in tasks if task not in run.inside)
    unknown = [task for task in wanted if task not in tasks]
    if unknown:
        raise ScoreFileInvalid(
            f"{path.name}: results.{unknown[0]} is not there", f"it has: {', '.join(tasks)}"
        )
    found = [_score(task, run, path, choice.filters.get(task)) for task in wanted]
    return ScoreSet(candidate=tuple(found))


def _score(task: str, run: Run, path: Path, filter_: str | None) -> Score:
    known = known_task(task)
    value = _value(task, run.tasks[task], known.metric if known else None, filter_, path)
    leaves = run.leaves(task)
    n, whole, origin = _count(task, leaves, value, run, path)
    shots = run.shots(leaves, task)
    correct = _right_ones(value, n)
    failed = failed_items(path, leaves, value.metric, value.filter, n)
    if None not in (failed, correct) and len(failed or ()) != n - (correct or 0):
        raise ScoreFileInvalid(
            f"{value.field}: {correct} of {n} are right, but the samples beside it list "
            f"{len(failed or ())} failed ones",
            "run the evaluation again, or take the samples away from its results",
        )
    settings = [
        *([task] if known and task != known.benchmark else []),
        *([f"{shots}-shot"] if shots is not None else []),
        *([value.filter] if value.filter not in PLAIN_FILTERS else []),
        f"{n} of {whole}" if n < whole else str(n),
    ]
    return Score(
        benchmark=known.benchmark if known else task,
        display_name=f"{known.name if known else task} ({', '.join(settings)})",
        metric=value.metric,
        value_percent=100 * value.share,
        n=n,
        correct=correct,
        stderr_percent=None if value.error is None else 100 * value.error,
        few_shot=shots,
        harness=HARNESS,
        harness_version=run.lm_eval_version,
        date=None if run.date is None else _day(run.date),
        partial=run.config.get("limit") is not None or n < whole,
        failed_items=failed,
        variant=task,
        filter=value.filter,
        task_version=run.version(task),
        n_from=origin,
    )


def _value(
    task: str, entry: Mapping[str, Any], wanted: str | None, filter_: str | None, path: Path
) -> _Value:
    """What to read of a task: its own metric, else the first; the strictest filter."""
    keys = [
        tuple(key.split(",", 1))
        for key, value in entry.items()
        if "," in key and "_stderr," not in key and isinstance(value, int | float)
    ]
    metrics = [metric for metric, _ in keys]
    metric = wanted if wanted in metrics else (metrics[0] if metrics and not wanted else None)
    if metric is None:
        raise ScoreFileInvalid(
            f"{path.name}: results.{task}: no {wanted or 'metric'} among {', '.join(entry)}",
            "run the task again, or give the score in hubtool's own format",
        )
    filters = [chosen for one, chosen in keys if one == metric]
    if filter_ is not None and filter_ not in filters:
        raise ScoreFileInvalid(
            f"{path.name}: results.{task}.{metric} has no filter {filter_!r}",
            f"it has: {', '.join(filters)}",
        )
    chosen = filter_ or min(filters, key=lambda one: (_rank(one), one))
    field = f"{path.name}: results.{task}.{metric},{chosen}"
    error = entry.get(f"{metric}_stderr,{chosen}")
    told = isinstance(error, int | float)  # where there is none it is "N/A"
    return _Value(
        metric,
        chosen,
        _fraction(entry[f"{metric},{chosen}"], field),
        _fraction(error, field.replace(f".{metric},", f".{metric}_stderr,")) if told else None,
        field,
    )


def _rank(name: str) -> int:
    return FILTERS.index(name) if name in FILTERS else len(FILTERS)


def _fraction(value: Any, field: str) -> float:
    if isinstance(value, bool) or not 0 <= value <= 1:  # NaN is not in it either
        raise ScoreFileInvalid(
            f"{field}: {str(value)[:40]} is not a fraction between 0 and 1",
            "run the task again, or leave it out: `hubtool scores convert --task`",
        )
    return float(value)


def _count(task: str, leaves: tuple[str, ...], value: _Value, run: Run, path: Path) -> _Counted:
    """How many items were run: as the file states it, else by standard errors.

    A group's own error is a pooled one and tells no n: its tasks' errors do,
    if their mean is the group's value. Raises ScoreFileInvalid where none tells.
    """
    known = known_task(task)
    stated = [run.n_samples.get(one) for one in ((task,) if task in run.n_samples else leaves)]
    counts = [(one.effective, one.original or one.effective) for one in stated if one]
    if counts and len(counts) == len(stated):
        return _Counted(sum(n for n, _ in counts), sum(whole for _, whole in counts), None)
    if leaves == (task,):
        n, origin = _by_error(value), "its standard error"
    else:
        n, origin = _by_parts(leaves, value, run, path), "the standard errors of its parts"
    if n is None:
        raise ScoreFileInvalid(f"{value.field}: n is missing, and {origin} cannot tell it", _OWN)
    whole = known.items if known else n
    if known and abs(n / whole - 1) < ROUNDING:  # a printed error is rounded
        n = whole
    if n > whole:
        raise ScoreFileInvalid(
            f"{value.field}: by {origin} these are {n} items, {_set(known)} has {whole}", _OWN
        )
    return _Counted(n, whole, origin)


def _set(known: Known | None) -> str:
    return known.name if known else "the set"


def _by_error(value: _Value) -> int | None:
    """Items behind a share whose standard error is that of the mean of a 0/1 sample.

    error^2 = p (1 - p) / (n - 1), solved for n; None where that says nothing.
    """
    if not value.error or value.share in (0.0, 1.0) or value.metric not in RIGHT_OR_WRONG:
        return None
    n = value.share * (1 - value.share) / value.error**2 + 1
    return round(n) if math.isfinite(n) and n < 1e9 else None


def _by_parts(leaves: tuple[str, ...], group: _Value, run: Run, path: Path) -> int | None:
    """Items of all parts of a group, if the group's value is that of its parts."""
    total, right = 0, 0.0
    for task in leaves:
        if task not in run.tasks:
            return None
        part = _value(task, run.tasks[task], group.metric, group.filter, path)
        n = _by_error(part)
        if n is None:
            return None
        total, right = total + n, right + n * part.share
    return total if abs(right / total - group.share) <= AGREES else None


def _right_ones(value: _Value, n: int) -> int | None:
    """The count behind a share, where the share is exact enough to tell it."""
    right = value.share * n
    if value.metric not in RIGHT_OR_WRONG or abs(right - round(right)) > COUNTED:
        return None
    return round(right)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
