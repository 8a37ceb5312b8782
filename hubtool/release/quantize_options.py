"""What a manifest says of quantizing."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hubtool.quantize.budget import (
    DEFAULT_CONTEXT,
    DEFAULT_TARGET_BPW,
    FLAGS,
    BudgetWish,
    parse_size,
    wish_of,
)
from hubtool.quantize.calibration import LEAST_TOKENS
from hubtool.quantize.choice import (
    DEFAULT_CHOICES,
    DEFAULT_GROUP_SIZE,
    UNQUANTIZED_BITS,
    WIDTHS,
    Asked,
    ChoiceGrid,
)
from hubtool.quantize.rounding.interface import DEFAULT_ROUNDING, RoundingName
from hubtool.release.wrong_setting import TOGETHER

# what decides a measurement and nothing else; a default that is written out is no wish
MEASURING = ("method", "reference", "seed")


class Part(BaseModel):
    """A part of a manifest: no field that is not known, and none that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class QuantizeOptions(Part):
    """How bits are measured and spent."""

    target_bpw: float | None = Field(
        None,
        gt=0,
        le=16,
        description=f"budget in nominal bits per weight; {DEFAULT_TARGET_BPW} if none is named",
    )
    stored_bpw: float | None = Field(
        None, gt=0, le=32, description="budget in stored bits per weight: all bytes count"
    )
    max_size: str | None = Field(None, description="budget in bytes of weights, such as `5GB`")
    fit: str | None = Field(
        None, description="budget by a Mac's memory, such as `16GB`: weights, cache and overhead"
    )
    context: int = Field(DEFAULT_CONTEXT, ge=1, description="tokens of cache that `fit` leaves")
    candidate_bits: tuple[int, ...] = Field(
        DEFAULT_CHOICES.bits, description="widths to choose from; 16 keeps a component as it is"
    )
    group_size: Literal[32, 64, 128] = Field(
        DEFAULT_GROUP_SIZE, description="weights that share one scale, unless another size pays"
    )
    group_sizes: tuple[Literal[32, 64, 128], ...] | None = Field(
        None,
        description="group sizes to choose from beside that one; `target_bpw` does not see "
        "their bytes and leaves them out",
    )
    sensitivity: str | None = Field(
        None, description="a file or repo whose sensitivities are used instead of measuring"
    )
    reference: Literal["auto", "bf16", "uniform4"] = Field(
        "auto", description="what sensitivity is measured against; auto goes by free memory"
    )
    method: Literal["fisher", "exact", "static"] = Field(
        "fisher",
        description="fisher: one backward pass for all; exact: one component at a time; "
        "static: by a rule, nothing is measured",
    )
    rounding: RoundingName = Field(
        DEFAULT_ROUNDING,
        description="nearest: as mlx-lm does it; search: scales and biases by what inputs make of "
        "errors; gptq: the same, and later weights make up for the errors of earlier ones",
    )
    calibration_tokens: int = Field(
        3072, ge=LEAST_TOKENS, description="tokens of the six-domain mix to read, over all domains"
    )
    calibration: str | None = Field(None, description="folder of *.jsonl to use instead of ours")
    seed: int = Field(0, description="seed of the random signs")
    trust_remote_code: bool = Field(False, description="allow the base's own Python code")

    @field_validator("candidate_bits")
    @classmethod
    def _known_widths(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        widths = tuple(sorted(set(value)))
        if not set(widths) & set(WIDTHS) or not set(widths) <= {*WIDTHS, UNQUANTIZED_BITS}:
            raise ValueError("widths must be taken from 2, 3, 4, 5, 6, 8, and 16 beside these")
        return widths

    @field_validator("max_size", "fit")
    @classmethod
    def _a_size(cls, value: str | None) -> str | None:
        if value is not None:
            parse_size(value)  # raises ValueError
        return value

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        named = [kind for kind in FLAGS if getattr(self, kind) is not None]
        if len(named) > 1:
            raise PydanticCustomError(TOGETHER, "only one budget can be kept to", {"fields": named})
        return self

    @model_validator(mode="after")
    def _nothing_idle(self) -> Self:
        if self.sensitivity is None and self.method != "static":
            return self
        beside, value = ("method", "static") if self.sensitivity is None else ("sensitivity", "")
        idle = [name for name in MEASURING if name != beside]
        if self.rounding == "nearest":  # other ways read the text too
            idle += ["calibration", "calibration_tokens"]
        fields = type(self).model_fields
        changed = [name for name in idle if getattr(self, name) != fields[name].default]
        if changed:
            context = {"fields": changed, "beside": beside, "value": value}
            raise PydanticCustomError(TOGETHER, "nothing is measured then", context)
        return self

    @property
    def budget(self) -> BudgetWish:
        """The one that was named."""
        return wish_of(
            target_bpw=self.target_bpw,
            stored_bpw=self.stored_bpw,
            max_size=self.max_size,
            fit=self.fit,
            context=self.context,
        )

    @property
    def grid(self) -> ChoiceGrid:
        """All widths and group sizes to choose from under the budget."""
        nominal = self.budget.kind == "target_bpw"
        return ChoiceGrid(
            self.candidate_bits, (self.group_size,) if nominal else self.measurable.group_sizes
        )

    @property
    def measurable(self) -> ChoiceGrid:
        """All widths and group sizes that can be measured, whatever the budget."""
        sizes: tuple[int, ...] = self.group_sizes or ()
        if self.group_sizes is None and self.group_size == DEFAULT_GROUP_SIZE:
            sizes = DEFAULT_CHOICES.group_sizes
        widths = tuple(bits for bits in self.candidate_bits if bits != UNQUANTIZED_BITS)
        return ChoiceGrid(widths, tuple(sorted({self.group_size, *sizes})))

    @property
    def asked(self) -> Asked:
        """The widths and group sizes of the grid that somebody named."""
        named = self.model_fields_set
        sizes = {*(self.group_sizes or ()), *([self.group_size] if "group_size" in named else [])}
        return Asked(
            self.candidate_bits if "candidate_bits" in named else (),
            tuple(sorted(sizes & set(self.grid.group_sizes))),
        )
