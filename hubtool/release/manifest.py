"""ReleaseManifest: what is asked, from a file, from flags, or from both."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hubtool.errors import ManifestInvalid, PathNotFound

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

    target_bpw: float = Field(5.0, gt=0, le=16, description="budget in nominal bits per weight")
    candidate_bits: tuple[int, ...] = Field((4, 8), description="widths to choose from")
    group_size: Literal[32, 64, 128] = Field(64, description="weights that share one scale")
    reference: Literal["auto", "bf16", "uniform4"] = Field(
        "auto", description="what sensitivity is measured against; auto goes by free memory"
    )
    method: Literal["fisher", "exact"] = Field(
        "fisher", description="fisher: one backward pass for all; exact: one component at a time"
    )
    calibration_tokens: int = Field(
        3072, ge=48, description="tokens of the six-domain mix to read, over all domains"
    )
    calibration: str | None = Field(None, description="folder of *.jsonl to use instead of ours")
    seed: int = Field(0, description="seed of the label draws")
    trust_remote_code: bool = Field(False, description="allow the base's own Python code")

    @field_validator("candidate_bits")
    @classmethod
    def _known_widths(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        widths = tuple(sorted(set(value)))
        if not widths or not set(widths) <= {2, 3, 4, 5, 6, 8}:
            raise ValueError("widths must be taken from 2, 3, 4, 5, 6, 8")
        return widths


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
        """By the brand's naming pattern; the width is the smallest candidate.

        Raises PathNotFound and TemplateInvalid for a brand that cannot be read.
        """
        from hubtool.card.templates import load_brand

        bits = min(self.quantize.candidate_bits)
        return load_brand(self.card.brand).repo_name(self.base, bits)

    @property
    def target_repo(self) -> str:
        """Full id of the quant."""
        return f"{self.publish.org}/{self.publish.name or self.default_name}"


def load_manifest(file: Path | None, flags: dict[str, Any]) -> ReleaseManifest:
    """The manifest of ``file`` with ``flags`` laid over it (nested dicts; None means not given).

    Raises PathNotFound for a missing file, ManifestInvalid naming file and field.
    """
    data: dict[str, Any] = {}
    if file is not None:
        if not file.is_file():
            raise PathNotFound(f"no manifest at {file}", "check the path after --manifest")
        data = _read_yaml(file)
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
