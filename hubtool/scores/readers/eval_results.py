"""``.eval_results/*.yaml`` of the Hub: entries of a dataset's task, its value, and notes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import Choice
from hubtool.scores.readers.known import items_named_in, known_dataset
from hubtool.scores.readers.percent import percentage, require_items
from hubtool.scores.record import Score, ScoreSet


def fits(data: Any) -> bool:
    """A list of mappings with a ``dataset`` that has an id, and a ``value``."""
    return (
        isinstance(data, list)
        and bool(data)
        and all(
            isinstance(entry, dict) and isinstance(entry.get("dataset"), dict) and "value" in entry
            for entry in data
        )
    )


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """One score an entry. The number of items stands in ``notes``: ``first 1000 test items``."""
    found = [_score(entry, f"{path.name}: [{place}]") for place, entry in enumerate(data)]
    wanted = [one for one in found if not choice.tasks or one.benchmark in choice.tasks]
    return ScoreSet(candidate=tuple(wanted))


def _score(entry: dict[str, Any], field: str) -> Score:
    dataset, task = entry["dataset"].get("id"), entry["dataset"].get("task_id")
    if not isinstance(dataset, str) or not isinstance(task, str):
        raise ScoreFileInvalid(
            f"{field}.dataset: id and task_id are needed, found {dataset!r} and {task!r}",
            "name both, as the dataset's eval.yaml does",
        )
    known, notes = known_dataset(dataset), entry.get("notes")
    n = require_items(items_named_in([notes]), f"{field}.notes")
    name = known.name if known else dataset.rsplit("/", 1)[-1]
    date = entry.get("date")
    return Score(
        benchmark=known.benchmark if known else f"{dataset}/{task}",
        display_name=f"{name} ({notes})",
        metric=task,
        value_percent=percentage(entry["value"], f"{field}.value"),
        n=n,
        date=date if isinstance(date, str) else None,
        partial=known is not None and n < known.items,
    )
