"""``model-index`` of a card: results by dataset, each with metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import Choice
from hubtool.scores.readers.known import items_named_in, known_dataset
from hubtool.scores.readers.percent import percentage, require_items
from hubtool.scores.record import Score, ScoreSet


def fits(data: Any) -> bool:
    """A mapping with the key ``model-index``: a card's front matter, or that part of it."""
    return isinstance(data, dict) and isinstance(data.get("model-index"), list)


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """One score a result. The number of items stands in a name: ``GSM8K (1000 items)``.

    Of several metrics that of the benchmark's own name is read, else the first.
    """
    found = []
    for place, model in enumerate(data["model-index"]):
        results = model.get("results") if isinstance(model, dict) else None
        field = f"{path.name}: model-index[{place}]"
        if not isinstance(results, list):
            raise ScoreFileInvalid(f"{field}.results is missing", "add the list of results")
        found += list(_scores(results, field))
    wanted = [one for one in found if not choice.tasks or one.benchmark in choice.tasks]
    return ScoreSet(candidate=tuple(wanted))


def _scores(results: list[Any], field: str) -> Iterator[Score]:
    for place, result in enumerate(results):
        where = f"{field}.results[{place}]"
        dataset = result.get("dataset") if isinstance(result, dict) else None
        metrics = result.get("metrics") if isinstance(result, dict) else None
        if not isinstance(dataset, dict) or not isinstance(metrics, list) or not metrics:
            raise ScoreFileInvalid(f"{where}: dataset or metrics is missing", "add both")
        yield _score(dataset, metrics, where)


def _score(dataset: dict[str, Any], metrics: list[Any], where: str) -> Score:
    type_, name = str(dataset.get("type", "")), str(dataset.get("name", ""))
    known = known_dataset(type_)
    mapped = [metric for metric in metrics if isinstance(metric, dict) and "value" in metric]
    if not type_ or not mapped:
        raise ScoreFileInvalid(f"{where}: dataset.type or metrics[].value is missing", "add both")
    own = [metric for metric in mapped if known and metric.get("type") == known.metric]
    metric = (own or mapped)[0]
    shown = " ".join(str(metric.get("name") or "").split())
    n = require_items(items_named_in([name, shown]), f"{where}.dataset.name")
    return Score(
        benchmark=known.benchmark if known else type_,
        display_name=name or type_,
        metric=str(metric.get("type", "value")),
        value_percent=percentage(metric["value"], f"{where}.metrics.value"),
        n=n,
        partial=known is not None and n < known.items,
    )
