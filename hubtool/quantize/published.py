"""Sensitivities that somebody published: ``optiq/sensitivity.json`` of a repo, or a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from hubtool.artifact.identity import weights_sha256
from hubtool.errors import JournalUnreadable, PathNotFound, SensitivityMismatch
from hubtool.quantize.choice import DEFAULT_GROUP_SIZE, UNQUANTIZED_BITS, Choice, ChoiceGrid
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.sensitivity import (
    CalibrationUse,
    ComponentSensitivity,
    Origin,
    Reference,
    Sensitivity,
)

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient

PLACES = ("optiq/sensitivity.json", "optiq_sensitivity.json", "sensitivity.json")
BY_GROUP = "sensitivities_by_group"  # in a layer's metadata: choices of other group sizes
MEASUREMENT = "hubtool_measurement"  # how it was measured, where hubtool wrote the file
_REMEDY = "name another file or repo, or measure: leave --sensitivity out"


# a KL just below zero is the noise of somebody's arithmetic, and counts as zero
_Nats = Annotated[
    float, Field(ge=-1e-3, allow_inf_nan=False), AfterValidator(lambda kl: max(kl, 0.0))
]


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")
    sensitivities_by_group: dict[str, _Nats] = {}


class _Layer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    layer_name: str = Field(min_length=1)
    sensitivities: dict[str, _Nats] = Field(min_length=1)
    param_count: int = Field(gt=0)
    metadata: _Metadata = _Metadata()


class _Measurement(BaseModel):
    model_config = ConfigDict(extra="ignore")
    method: Origin
    reference: Reference | None
    reference_reason: str
    calibration: CalibrationUse | None
    dtype: str
    noise_floor: float | None = None
    rounding: RoundingName = "nearest"
    base_sha256: str | None = None


class _Published(BaseModel):
    """mlx-optiq's form; a scratch file of its own is the bare list of layers."""

    model_config = ConfigDict(extra="ignore")
    group_size: int = DEFAULT_GROUP_SIZE
    layers: list[_Layer] = Field(min_length=1)
    hubtool_measurement: _Measurement | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_list(cls, value: Any) -> Any:
        return {"layers": value} if isinstance(value, list) else value


def read_sensitivity(wanted: str, hub: HubClient | None) -> Sensitivity:
    """From a file or a quant folder if there is one of that name, else from a repo on the Hub.

    ``ORG/NAME`` or ``ORG/NAME@REVISION``; only the one small file is fetched.
    ``hub`` None looks at files alone. Raises PathNotFound, SensitivityMismatch
    naming the field, and what the Hub raises.
    """
    path = Path(wanted)
    if path.is_dir():
        found = next((path / place for place in PLACES if (path / place).is_file()), None)
        if found is None:
            raise PathNotFound(f"no {PLACES[0]} in {wanted}", "name the file itself")
        path = found
    if path.is_file():
        return parse_sensitivity(path.read_bytes(), str(path), source=f"the file {path.name}")
    if hub is None or wanted.count("/") != 1 or wanted.startswith((".", "/")):
        raise PathNotFound(
            f"no sensitivities at {wanted}",
            "run `hubtool measure` first, or name a file, a folder, or a repo ORG/NAME on the Hub",
        )
    repo, _, revision = wanted.partition("@")
    commit = hub.resolve_revision(repo, revision or None).commit
    for place in PLACES:
        content = hub.read_bytes(repo, place, commit)
        if content is not None:
            return parse_sensitivity(content, f"{repo}: {place}", source=f"{repo}@{commit}")
    raise PathNotFound(f"{repo} has no {PLACES[0]}", _REMEDY)


def restricted(sensitivity: Sensitivity, grid: ChoiceGrid) -> Sensitivity:
    """With the choices of ``grid`` alone, as far as there are figures; 16 bit needs none.

    Raises SensitivityMismatch if a component has none of them.
    """
    usual = sensitivity.group_size
    wanted = {choice.key(usual) for choice in grid.choices}
    components = tuple(
        dataclasses.replace(one, kl={key: value for key, value in one.kl.items() if key in wanted})
        for one in sensitivity.components
    )
    empty = next((one.name for one in components if not one.kl), None)
    if empty is not None:
        known = ", ".join(next(one.kl for one in sensitivity.components if one.name == empty))
        raise SensitivityMismatch(
            f"{empty} has sensitivities at {known}, none of the widths that were asked for",
            "name widths that are in the file, or measure: leave --sensitivity out",
            component=empty,
        )
    found = {Choice.parse(key, usual) for one in components for key in one.kl}
    bits = {choice.bits for choice in found} | ({UNQUANTIZED_BITS} & set(grid.bits))
    return dataclasses.replace(
        sensitivity,
        components=components,
        candidate_bits=tuple(sorted(bits)),
        group_sizes=tuple(sorted({choice.group_size for choice in found} - {0})),
    )


def require_same_base(sensitivity: Sensitivity, name: str, folder: Path) -> None:
    """Raise SensitivityMismatch if it says that it was measured on other weights than ``folder``'s.

    ``name`` is of the file or repo. What does not say so may be of any base.
    """
    measured = sensitivity.base_sha256
    if measured is None or measured == (found := weights_sha256(folder)):
        return
    raise SensitivityMismatch(
        f"{name}: base_sha256: measured on weights {measured[:12]}, those in {folder} are "
        f"{found[:12]}",
        "name sensitivities of this base, or measure it: leave --sensitivity out",
        measured=measured,
        found=found,
    )


def parse_sensitivity(content: bytes, name: str, *, source: str) -> Sensitivity:
    """What the file called ``name`` says: hubtool's own record, or the published form.

    The published form says of itself how it was measured only if hubtool wrote it.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SensitivityMismatch(f"{name} is not JSON: {error}", _REMEDY) from error
    if isinstance(data, dict) and data.get("record") == "Sensitivity":
        try:
            return Sensitivity.from_json(data)
        except JournalUnreadable as error:
            raise SensitivityMismatch(f"{name}: {error.message}", _REMEDY) from error
    try:
        found = _Published.model_validate(data)
        return _record(found, source)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise SensitivityMismatch(f"{name}: {where}: {first['msg']}", _REMEDY) from error
    except ValueError as error:
        raise SensitivityMismatch(f"{name}: {error}", _REMEDY) from error


def _record(found: _Published, source: str) -> Sensitivity:
    components: list[ComponentSensitivity] = []
    choices: set[Choice] = set()
    for layer in found.layers:
        kl = {**layer.sensitivities, **layer.metadata.sensitivities_by_group}
        own = {_choice(key, found.group_size): value for key, value in kl.items()}
        choices |= own.keys()
        named = {choice.key(found.group_size): own[choice] for choice in sorted(own)}
        components.append(ComponentSensitivity(layer.layer_name, layer.param_count, named))
    measured = found.hubtool_measurement
    return Sensitivity(
        components=tuple(components),
        candidate_bits=tuple(sorted({choice.bits for choice in choices})),
        group_size=found.group_size,
        group_sizes=tuple(sorted({choice.group_size for choice in choices} - {0})),
        method=measured.method if measured else "published",
        reference=measured.reference if measured else None,
        reference_reason=measured.reference_reason if measured else "the file does not say",
        calibration=measured.calibration if measured else None,
        dtype=measured.dtype if measured else "",
        noise_floor=measured.noise_floor if measured else None,
        rounding=measured.rounding if measured else "nearest",
        source=source,
        base_sha256=measured.base_sha256 if measured else None,
    )


def _choice(key: str, group_size: int) -> Choice:
    choice = Choice.parse(key, group_size)
    if not choice.is_known:
        raise ValueError(f"{key!r} names no width and group size that mlx packs")
    return choice


def published_form(base_repo: str | None, sensitivity: Sensitivity) -> dict[str, Any]:
    """The record in mlx-optiq's form. Its readers take the keys of ``sensitivities`` for whole
    numbers, so choices of other group sizes stand in each layer's ``metadata``."""
    return {
        "base_model": base_repo,
        "candidate_bits": [bits for bits in sensitivity.candidate_bits if bits != UNQUANTIZED_BITS],
        "group_size": sensitivity.group_size,
        "metric": "kl_divergence_vs_reference",
        MEASUREMENT: _measurement_json(sensitivity),
        "layers": [_layer_json(component) for component in sensitivity.components],
    }


def _layer_json(component: ComponentSensitivity) -> dict[str, Any]:
    plain, by_group = _split_keys(component.kl)
    return {
        "layer_name": component.name,
        "sensitivities": plain,
        "param_count": component.parameters,
        "metadata": {BY_GROUP: by_group} if by_group else {},
    }


def _split_keys(kl: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    plain = {key: value for key, value in kl.items() if "/" not in key}
    return plain, {key: value for key, value in kl.items() if "/" in key}


def _measurement_json(sensitivity: Sensitivity) -> dict[str, Any]:
    data = sensitivity.to_json()
    return {name: data[name] for name in _Measurement.model_fields} | {"source": data["source"]}
