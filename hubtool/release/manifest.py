"""ReleaseManifest: what is asked, from a file, from flags, or from both."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from hubtool.artifact.layout import read_json_object
from hubtool.errors import ManifestInvalid, PathNotFound
from hubtool.quantize.budget import FLAGS
from hubtool.quantize.calibration import LEAST_TOKENS
from hubtool.quantize.choice import UNQUANTIZED_BITS, Choice
from hubtool.release.quantize_options import Part, QuantizeOptions
from hubtool.release.wrong_setting import Settings

_REPO_ID = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*$"


class PublishOptions(Part):
    """Where the quant goes."""

    org: str = Field(min_length=1, description="organisation or user that will own the quant")
    name: str | None = Field(None, description="repo name; derived from the base if left out")
    private: bool = Field(False, description="create the repo as private")
    gate: Literal["auto", "manual"] | None = Field(
        None, description="gate the quant's files: who clicks (auto), or who is let in (manual)"
    )
    pr: bool = Field(False, description="open a pull request instead of a commit on main")
    collection: str | None = Field(None, description="slug of a collection to add the quant to")


class VerificationOptions(Part):
    """How the quant is compared with its base, once it is made."""

    tokens: int = Field(
        3072, ge=0, description="tokens of the held-out text to compare on; 0 leaves it out"
    )

    @field_validator("tokens")
    @classmethod
    def _enough(cls, value: int) -> int:
        if 0 < value < LEAST_TOKENS:
            raise ValueError(f"must be 0, or {LEAST_TOKENS} or more")
        return value


class SidecarOptions(Part):
    """What is kept beside the language model."""

    vision: Literal["auto", "off"] = Field("auto", description="auto: if the base has towers")
    mtp: Literal["auto", "off"] = Field("auto", description="auto: if the base has an MTP head")


class CardOptions(Part):
    """How the card is made."""

    template: str = Field("optiq", description="a shipped template's name, or a file")
    brand: str = Field("optiq", description="a shipped brand's name, or a YAML file")
    model_index: bool = Field(
        False, description="repeat the scores of known datasets as `model-index` in the metadata"
    )


class ReleaseManifest(Part):
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
            stored = {bits: Choice(bits, want.group_size).stored_bits for bits in widths}
            fitting = [bits for bits in widths if stored[bits] <= budget.amount]
        else:  # the field calls a mix of 5.0 bits a 4-bit quant: by what it is mostly made of
            fitting = [bits for bits in widths if bits < budget.amount]
        return max(fitting, default=min(widths))

    @property
    def as_text(self) -> str:
        """What was given, as YAML: a field that was left to its default is left out here too."""
        given = self.model_dump(mode="json", exclude_unset=True)
        return yaml.safe_dump(given, sort_keys=False)

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

    Raises PathNotFound for a missing file, ManifestInvalid naming file and field, or the flag.
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
        raise Settings("hubtool release", flags, file).invalid(error) from error


def check_quantize_options(command: str, **options: Any) -> QuantizeOptions:
    """The flags of a single command, held to the manifest's rules. Raises ManifestInvalid."""
    try:
        return QuantizeOptions.model_validate(options)
    except ValidationError as error:
        raise Settings(command, options).invalid(error) from error


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
