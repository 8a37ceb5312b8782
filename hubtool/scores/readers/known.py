"""The benchmarks that hubtool knows by name, whichever file they stand in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Known:
    """A task of the Capability Score: its id here, name, metric, and items in the whole set."""

    benchmark: str
    name: str
    metric: str
    items: int
    dataset: str  # id on the Hub


# sizes: the test splits of the datasets; metrics: lm-evaluation-harness's names
_SUITE = (
    Known("mmlu", "MMLU", "acc", 14042, "cais/mmlu"),
    Known("gsm8k", "GSM8K", "exact_match", 1319, "openai/gsm8k"),
    Known("ifeval", "IFEval", "prompt_level_strict_acc", 541, "google/IFEval"),
    Known("humaneval", "HumanEval", "pass@1", 164, "openai/openai_humaneval"),
)
_ALIASES = {"gsm8k_cot": "gsm8k", "humaneval_instruct": "humaneval"}
_ITEMS = re.compile(
    r"(?<![\d.,])(\d[\d,]{0,14})\s+(?:\w+\s+)?(?:items|questions|problems|samples|prompts|examples)\b"
)


def known_task(task: str) -> Known | None:
    """The benchmark behind a harness's task name."""
    name = _ALIASES.get(task, task)
    return next((known for known in _SUITE if known.benchmark == name), None)


def known_dataset(dataset: str) -> Known | None:
    """The benchmark of a dataset on the Hub, whose id may be written in any case."""
    return next((known for known in _SUITE if known.dataset.lower() == dataset.lower()), None)


def items_named_in(texts: Iterable[object]) -> int | None:
    """The number in ``1000 items`` or ``first 1,000 test questions``; the first that is found."""
    for text in texts:
        match = _ITEMS.search(text) if isinstance(text, str) else None
        if match:
            return int(match[1].replace(",", ""))
    return None
