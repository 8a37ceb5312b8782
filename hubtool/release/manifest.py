"""ReleaseManifest: what is asked, from a file, from flags, or from both."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hubtool.artifact.layout import read_json_object
from hubtool.errors import ManifestInvalid, PathNotFound
from hubtool.quantize.budget import (
    DEFAULT_CONTEXT,
    DEFAULT_TARGET_BPW,
    FLAGS,
    BudgetWish,
    wish_of,
)
from hubtool.quantize.choice import (
    DEFAULT_CHOICES,
    DEFAULT_GROUP_SIZE,
    SCALE_BITS,
    UNQUANTIZED_BITS,
    WIDTHS,
    ChoiceGrid,
)
from hubtool.quantize.rounding.interface import DEFAULT_ROUNDING, RoundingName

_REPO_ID = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishOptions(_Part):
    """Where the quant goes."""

    org: str = Field(min_length=1, description="organisation or user that will own the quant")
    name: str | None = Field(None, description="repo name; derived from the base if left out")
    private: bool = Field(False, description="create the repo as private")
    gate: Literal["auto", "manual"] | None = Field(
        None, description="gate the quant's files: who clicks (auto), or who is let in (manual)"
    )
    pr: bool = Field(False, description="open a pull request instead of a commit on main")
    collection: str | None = Field(None, description="slug of a collection to add the quant to")


class QuantizeOptions(_Part):
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
        3072, ge=48, description="tokens of the six-domain mix to read, over all domains"
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

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        assert self.budget  # raises ManifestInvalid for two, and for a size that is none
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
    def names_choices(self) -> bool:
        """Whether widths or group sizes were asked for, or are the usual ones."""
        return bool(self.model_fields_set & {"candidate_bits", "group_size", "group_sizes"})


class VerificationOptions(_Part):
    """How the quant is compared with its base, once it is made."""

    tokens: int = Field(
        3072, ge=0, description="tokens of the held-out text to compare on; 0 leaves it out"
    )


class SidecarOptions(_Part):
    """What is kept beside the language model."""

    vision: Literal["auto", "off"] = Field("auto", description="auto: if the base has towers")
    mtp: Literal["auto", "off"] = Field("auto", description="auto: if the base has an MTP head")


class CardOptions(_Part):
    """How the card is made."""

    template: str = Field("optiq", description="a shipped template's name, or a file")
    brand: str = Field("optiq", description="a shipped brand's name, or a YAML file")
    model_index: bool = Field(
        False, description="repeat the scores of known datasets as `model-index` in the metadata"
    )


class ReleaseManifest(_Part):
    """Everything that decides a release. The flags of ``hubtool release`` are its fields."""

    base: str = Field(pattern=_REPO_ID, description="Hub id of the model to quantize")
    revision: str | None = Field(None, description="branch, tag or commit; pinned on first run")
    publish: PublishOptions
    quantize: QuantizeOptions = QuantizeOptions()
    verification: VerificationOptions = VerificationOptions()
    sidecars: SidecarOptions = SidecarOptions()
    drafter: str | None = Field(None, pattern=_REPO_ID, description="speculative drafter's id")
    baseline: str | None = Field(None, pattern=_REPO_ID, description="quant to compare with")
    scores: tuple[str, ...] = Field(
        (), description="score file, or a list of them; relative to the manifest"
    )
    baseline_scores: tuple[str, ...] = Field(
        (), description="score files of the baseline, if `scores` do not hold it"
    )
    quant: str | None = Field(None, description="folder that another tool quantized")
    accept_licences: tuple[str, ...] = Field(
        (), description="licences with limits that you have read and accept"
    )
    notice: str | None = Field(
        None, description="file with the Notice line of a licence whose text the base does not hold"
    )
    card: CardOptions = CardOptions()

    @field_validator("scores", "baseline_scores", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @property
    def default_name(self) -> str:
        """By the brand's naming pattern; the width is that of an even quant within this budget.

        Raises PathNotFound and TemplateInvalid for a brand that cannot be read,
        and ManifestInvalid for a budget that says nothing of the width.
        """
        from hubtool.card.templates import load_brand

        brand = load_brand(self.card.brand)
        known = "{bits}" in brand.naming
        return brand.repo_name(self.base, self._named_width if known else 0)

    @property
    def _named_width(self) -> int:
        """The widest candidate that all components could have, with some of a nominal budget left.

        Of an imported quant its usual width.
        """
        config = Path(self.quant) / "config.json" if self.quant else None
        if config is not None and config.is_file():
            bits = (read_json_object(config).get("quantization") or {}).get("bits")
            if isinstance(bits, int):
                return bits
        want = self.quantize
        widths = [bits for bits in want.candidate_bits if bits != UNQUANTIZED_BITS]
        budget = want.budget
        if budget.kind in ("max_size", "fit"):
            raise ManifestInvalid(
                f"{FLAGS[budget.kind]} says nothing of the width that the repo could be named by",
                "name it: --name NAME",
                field="publish.name",
            )
        if budget.kind == "stored_bpw":
            scales = SCALE_BITS / want.group_size
            fitting = [bits for bits in widths if bits + scales <= budget.amount]
        else:  # the field calls a mix of 5.0 bits a 4-bit quant: by what it is mostly made of
            fitting = [bits for bits in widths if bits < budget.amount]
        return max(fitting, default=min(widths))

    @property
    def target_repo(self) -> str:
        """Full id of the quant."""
        return f"{self.publish.org}/{self.publish.name or self.default_name}"


# fields that may name files, relative to the manifest
FILE_FIELDS = (
    "scores",
    "baseline_scores",
    "quant",
    "notice",
    "quantize.calibration",
    "quantize.sensitivity",
    "card.template",
    "card.brand",
)


def load_manifest(file: Path | None, flags: dict[str, Any]) -> ReleaseManifest:
    """The manifest of ``file`` with ``flags`` laid over it (nested dicts; None means not given).

    Raises PathNotFound for a missing file, ManifestInvalid naming file and field.
    """
    data: dict[str, Any] = {}
    if file is not None:
        if not file.is_file():
            raise PathNotFound(f"no manifest at {file}", "check the path after --manifest")
        data = _read_yaml(file)
        _resolve_sensitivity(data, file.parent)
        for key in ("scores", "baseline_scores", "quant", "notice"):
            if isinstance(data.get(key), str):
                data[key] = str(file.parent / data[key])
            elif isinstance(data.get(key), list):
                data[key] = [str(file.parent / str(one)) for one in data[key]]
        quantize = data.get("quantize")
        calibration = quantize.get("calibration") if isinstance(quantize, dict) else None
        if isinstance(calibration, str) and (file.parent / calibration).is_dir():
            data["quantize"] = {**data["quantize"], "calibration": str(file.parent / calibration)}
        card = data.get("card")
        for key in ("template", "brand"):  # names of shipped ones stay names
            if isinstance(card, dict) and (file.parent / str(card.get(key, ""))).is_file():
                card[key] = str(file.parent / card[key])
    _forget_budget(data, flags)
    merged = _overlay(data, flags)
    try:
        return ReleaseManifest.model_validate(merged)
    except ValidationError as error:
        raise _invalid(error, f"{file}: " if file else "") from error


def check_quantize_options(**options: Any) -> QuantizeOptions:
    """The options of a single stage, held to the manifest's rules. Raises ManifestInvalid."""
    try:
        return QuantizeOptions.model_validate(options)
    except ValidationError as error:
        raise _invalid(error, "") from error


def _invalid(error: ValidationError, where: str) -> ManifestInvalid:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return ManifestInvalid(
        f"{where}{field}: {first['msg']} (found {first.get('input')!r})",
        f"correct {field}; `hubtool release --help` lists every field",
        field=field,
    )


def _forget_budget(data: dict[str, Any], flags: dict[str, Any]) -> None:
    """A budget among the flags replaces the file's, of whatever kind that is."""
    quantize, asked = data.get("quantize"), flags.get("quantize") or {}
    if isinstance(quantize, dict) and any(asked.get(kind) is not None for kind in FLAGS):
        for kind in FLAGS:
            quantize.pop(kind, None)


def _resolve_sensitivity(data: dict[str, Any], folder: Path) -> None:
    """A file beside the manifest is one; anything else is a repo's name."""
    quantize = data.get("quantize")
    found = quantize.get("sensitivity") if isinstance(quantize, dict) else None
    if isinstance(quantize, dict) and isinstance(found, str) and (folder / found).is_file():
        quantize["sensitivity"] = str(folder / found)


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestInvalid(f"{file} is not YAML: {error}", "mend the file's syntax") from error
    if not isinstance(data, dict):
        raise ManifestInvalid(
            f"{file} must hold a mapping of fields", "start with `base: org/name`"
        )
    return data


def _overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict):
            merged[key] = _overlay(merged.get(key) or {}, value)
        elif value is not None:
            merged[key] = value
    return merged
