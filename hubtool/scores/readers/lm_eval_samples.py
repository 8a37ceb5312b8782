"""Which items failed, from the ``samples_*.jsonl`` that lm-evaluation-harness logs beside results.

With ``--log_samples`` a run that writes ``results_<moment>.json`` writes
``samples_<task>_<moment>.jsonl`` as well: one item and filter a line. The file
of ``mlx_lm.evaluate`` has no such companions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from hubtool.errors import ScoreFileInvalid


def failed_items(
    results: Path, tasks: Sequence[str], metric: str, filter_: str, n: int
) -> tuple[str, ...] | None:
    """Ids (``task/doc_id``) of the items that were wrong over all ``tasks``.

    None if a task's samples are not there, are not right or wrong alone, name
    an item twice, or are not ``n`` in all. Raises ScoreFileInvalid for a broken file.
    """
    moment = results.stem.removeprefix("results_")
    failed: list[str] = []
    seen: set[str] = set()
    for task in tasks:
        file = results.parent / f"samples_{task}_{moment}.jsonl"
        if moment == results.stem or not file.is_file():
            return None
        for item, value in _items(file, metric, filter_):
            name = f"{task}/{item}"
            if value not in (0, 1) or name in seen:
                return None
            seen.add(name)
            if not value:
                failed.append(name)
    return tuple(failed) if len(seen) == n else None


def _items(file: Path, metric: str, filter_: str) -> Iterator[tuple[str, object]]:
    """(doc_id, value of the metric) of every item under one filter."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                sample = json.loads(line)
                if sample.get("filter", filter_) == filter_:
                    yield str(sample["doc_id"]), sample.get(metric)
            except (ValueError, KeyError, AttributeError, RecursionError) as error:
                raise ScoreFileInvalid(
                    f"{file.name}: line {number} is no sample: {error}",
                    "run the evaluation again, or take the samples away from its results",
                ) from error
