"""hubtool's own score file: what ``docs/reference/scores.md`` describes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.interface import Choice
from hubtool.scores.record import Score, ScoreSet

FORMAT = "hubtool-scores"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Score(_Part):
    benchmark: str = Field(min_length=1, description="id such as mmlu, gsm8k, humaneval")
    display_name: str = Field(min_length=1, description="what the table shows, with its setting")
    metric: str = Field(description="accuracy, pass@1, prompt_level_strict, ...")
    value_percent: float | None = Field(None, description="0 to 100; or give correct")
    n: int = Field(gt=0, description="number of items")
    correct: int | None = Field(None, ge=0, description="items that were right")
    stderr_percent: float | None = Field(None, ge=0, description="standard error in points")
    few_shot: int | None = Field(None, ge=0, description="examples in the prompt")
    harness: str | None = Field(None, description="program that ran the benchmark")
    harness_version: str | None = Field(None, description="its version")
    date: str | None = Field(None, description="ISO 8601")
    partial: bool = Field(False, description="the run was cut short (limit)")
    failed_items: tuple[str, ...] | None = Field(
        None, description="ids of the items that were wrong: two sides are then compared in pairs"
    )
    source_file: str | None = Field(None, description="the harness's own file, if not this one")
    source_sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="sha256 of that file"
    )

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
        if self.failed_items is not None:
            wrong = len(set(self.failed_items))
            if wrong != len(self.failed_items) or wrong > self.n:
                raise ValueError("failed_items names an item twice, or more than n")
            if self.correct is not None and wrong != self.n - self.correct:
                raise ValueError(f"failed_items lists {wrong}, not {self.n - self.correct}")
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
    baseline_repo: str | None = Field(None, description="Hub id of the quant compared with")


def fits(data: Any) -> bool:
    """A mapping that says ``"format": "hubtool-scores"``."""
    return isinstance(data, dict) and data.get("format") == FORMAT


def read(data: Any, path: Path, choice: Choice) -> ScoreSet:
    """The scores. Raises ScoreFileInvalid naming file and field."""
    try:
        parsed = ScoreFile.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ScoreFileInvalid(
            f"{path.name}: {field}: {first['msg']} (found {str(first.get('input'))[:60]})",
            "see docs/reference/scores.md",
        ) from error
    wanted = [one for one in parsed.candidate if not choice.tasks or one.benchmark in choice.tasks]
    return ScoreSet(
        candidate=tuple(score.record() for score in wanted),
        baseline=tuple(score.record() for score in parsed.baseline),
        baseline_repo=parsed.baseline_repo,
    )


def dump(scores: ScoreSet) -> dict[str, Any]:
    """The set as a score file: :func:`read` gives the same scores back."""

    def side(found: tuple[Score, ...]) -> list[dict[str, Any]]:
        rows = [_Score.model_validate(dataclasses.asdict(score)) for score in found]
        return [row.model_dump(mode="json", exclude_defaults=True) for row in rows]

    fields: dict[str, Any] = {"format": FORMAT, "version": 1, "candidate": side(scores.candidate)}
    if scores.baseline:
        fields["baseline"] = side(scores.baseline)
    if scores.baseline_repo:
        fields["baseline_repo"] = scores.baseline_repo
    return fields
