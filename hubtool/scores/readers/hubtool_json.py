"""hubtool's own score file: what ``docs/reference/scores.md`` describes."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hubtool.scores.readers.fields import Count, Day, Items, Name, Number, RepoId, checked
from hubtool.scores.readers.interface import Choice
from hubtool.scores.record import Score, ScoreSet

FORMAT = "hubtool-scores"
_REMEDY = "see docs/reference/scores.md"
_IN_BRACKETS = re.compile(r"\(([^()]*)\)")
_ITEMS = re.compile(r"(\d[\d,]*)(?: of (\d[\d,]*))?")
_SHOTS = re.compile(r"(\d+)-shot")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Score(_Part):
    benchmark: str = Field(min_length=1, description="id such as mmlu, gsm8k, humaneval")
    display_name: Name = Field(description="what the table shows, with its setting")
    metric: str = Field(description="accuracy, pass@1, prompt_level_strict, ...")
    value_percent: Number | None = Field(None, description="0 to 100; or give correct")
    n: Items = Field(description="number of items")
    correct: Count | None = Field(None, description="items that were right")
    stderr_percent: Number | None = Field(
        None, ge=0, le=100, description="standard error in points"
    )
    few_shot: Count | None = Field(None, description="examples in the prompt")
    harness: str | None = Field(None, description="program that ran the benchmark")
    harness_version: str | None = Field(None, description="its version")
    date: Day | None = Field(None, description="ISO 8601")
    partial: bool = Field(False, strict=True, description="the run was cut short (limit)")
    failed_items: tuple[str, ...] | None = Field(
        None, description="ids of the items that were wrong: two sides are then compared in pairs"
    )
    source_file: str | None = Field(None, description="the harness's own file, if not this one")
    source_sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="sha256 of that file"
    )
    variant: str | None = Field(None, description="the harness's task name, such as gsm8k_cot")
    filter: str | None = Field(None, description="how answers were cut out: strict-match, ...")
    task_version: str | None = Field(None, description="the harness's version of the task")
    n_from: str | None = Field(None, description="where n comes from, if no file states it")

    @model_validator(mode="after")
    def _one_value(self) -> _Score:
        if self.correct is not None:
            if self.correct > self.n:
                raise ValueError("correct cannot exceed n")
            exact = 100 * self.correct / self.n
            if self.value_percent is not None and abs(self.value_percent - exact) > 0.051:
                raise ValueError(f"value_percent contradicts {self.correct} of {self.n}")
        elif self.value_percent is None:
            raise ValueError("give value_percent or correct")
        elif 0 < self.value_percent <= 1:
            raise ValueError(
                f"value_percent: {self.value_percent} may be a fraction: "
                "give a percentage, or correct and n"
            )
        if self.failed_items is not None:
            wrong = len(set(self.failed_items))
            if wrong != len(self.failed_items) or wrong > self.n:
                raise ValueError("failed_items names an item twice, or more than n")
            if self.correct is not None and wrong != self.n - self.correct:
                raise ValueError(f"failed_items lists {wrong}, not {self.n - self.correct}")
        return self

    @model_validator(mode="after")
    def _name_tells_the_setting(self) -> _Score:
        for part in ", ".join(_IN_BRACKETS.findall(self.display_name)).split(", "):
            items, shots = _ITEMS.fullmatch(part), _SHOTS.fullmatch(part)
            if items and int(items[1].replace(",", "")) != self.n:
                raise ValueError(
                    f"display_name says {part} items, n is {self.n}: "
                    f"write `{self.n}`, or `{self.n} of ...` for a part of a set"
                )
            if items and items[2] and int(items[2].replace(",", "")) > self.n and not self.partial:
                raise ValueError(f"display_name says {part}: then partial is true")
            if shots and self.few_shot is not None and int(shots[1]) != self.few_shot:
                raise ValueError(f"display_name says {part}, few_shot is {self.few_shot}")
        return self

    def record(self) -> Score:
        value = self.value_percent or 0.0
        if self.correct is not None:
            value = 100 * self.correct / self.n  # the counts are exact, a printed value is not
        return Score(**{**self.model_dump(), "value_percent": value})


class ScoreFile(_Part):
    """The whole file."""

    format: Literal["hubtool-scores"]
    version: Literal[1]
    candidate: tuple[_Score, ...] = Field(min_length=1)
    baseline: tuple[_Score, ...] = ()
    baseline_repo: RepoId | None = Field(None, description="Hub id of the quant compared with")


def fits(data: Any) -> bool:
    """A mapping that says ``"format": "hubtool-scores"``."""
    return isinstance(data, dict) and data.get("format") == FORMAT


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """The scores. Raises ScoreFileInvalid naming file and field."""
    parsed = checked(ScoreFile, data, path, _REMEDY)
    wanted = [one for one in parsed.candidate if not choice.tasks or one.benchmark in choice.tasks]
    return ScoreSet(
        candidate=tuple(score.record() for score in wanted),
        baseline=tuple(score.record() for score in parsed.baseline),
        baseline_repo=parsed.baseline_repo,
    )


def dump(scores: ScoreSet) -> dict[str, Any]:
    """The set as a score file: :func:`read` gives the same scores back.

    Raises ScoreFileInvalid for what this format cannot say, such as half a
    percent without counts.
    """

    def side(found: tuple[Score, ...]) -> list[dict[str, Any]]:
        rows = [
            checked(
                *(_Score, dataclasses.asdict(score), Path(score.source_file or "scores")),
                *(_REMEDY, score.benchmark),
            )
            for score in found
        ]
        return [row.model_dump(mode="json", exclude_defaults=True) for row in rows]

    fields: dict[str, Any] = {"format": FORMAT, "version": 1, "candidate": side(scores.candidate)}
    if scores.baseline:
        fields["baseline"] = side(scores.baseline)
    if scores.baseline_repo:
        fields["baseline_repo"] = scores.baseline_repo
    return fields
