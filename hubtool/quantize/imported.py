"""A quant that another tool made: what its metadata claims, held against its bytes."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hubtool.artifact.stats import QuantStats
from hubtool.errors import StatsDisagree

PLACES = ("optiq/metadata.json", "optiq_metadata.json")  # the subfolder wins
UNQUANTIZED_BITS = 16


class _Layer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    bits: int


class _OptiqMetadata(BaseModel):
    """mlx-optiq's metadata; every field but ``per_layer`` may be missing in old files."""

    model_config = ConfigDict(extra="ignore")
    method: str | None = None
    reference: str | None = None
    n_high_bits: int | None = None
    n_low_bits: int | None = None
    per_layer: dict[str, _Layer] = Field(default_factory=dict)
    optimization: dict[str, Any] = Field(default_factory=dict)
    calibration: dict[str, Any] = Field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Claims:
    """What a quant's metadata says of itself. ``file`` is None where it has none.

    ``widths`` maps a component to its bits; ``counts`` bits to components, from
    ``n_high_bits`` and ``n_low_bits`` where no map is given.
    """

    file: str | None = None
    method: str | None = None
    reference: str | None = None
    widths: dict[str, int] = dataclasses.field(default_factory=dict)
    high: int | None = None
    low: int | None = None


def claims_of_folder(folder: Path) -> Claims:
    """Read the metadata, today's place before the old one. Raises StatsDisagree if unreadable."""
    place = next((place for place in PLACES if (folder / place).is_file()), None)
    if place is None:
        return Claims()
    try:
        data = json.loads((folder / place).read_text(encoding="utf-8"))
        metadata = _OptiqMetadata.model_validate(data)
        layers = metadata.per_layer or {
            name: _Layer.model_validate(value)
            for name, value in (metadata.optimization.get("per_layer") or {}).items()
        }
    except (ValueError, ValidationError) as error:
        raise StatsDisagree(
            f"{place} cannot be read: {str(error).splitlines()[0]}", f"mend or remove {place}"
        ) from error
    return Claims(
        file=place,
        method=metadata.method,
        reference=metadata.reference,
        widths={name: layer.bits for name, layer in layers.items()},
        high=metadata.n_high_bits,
        low=metadata.n_low_bits,
    )


def require_claims_true(claims: Claims, stats: QuantStats) -> None:
    """Raise StatsDisagree, with both figures, if the metadata contradicts the weights."""
    found = {component.name: component.bits for component in stats.components}
    claimed = Counter(bits for bits in claims.widths.values() if bits != UNQUANTIZED_BITS)
    stored = Counter(found.values())
    for bits in sorted({*claimed, *stored}) if claims.widths else ():
        if claimed[bits] != stored[bits]:
            raise _contradiction(claims, bits, claimed[bits], stored[bits])
    for name, bits in claims.widths.items():
        if bits != UNQUANTIZED_BITS and found.get(name) != bits:
            raise StatsDisagree(
                f"{claims.file}: {name}: {bits} bit claimed, "
                f"{found.get(name, 'unquantized')} found in the file",
                f"remove {claims.file}, or publish the folder it belongs to",
            )
    _require_counts(claims, stored)


def _require_counts(claims: Claims, stored: Counter[int]) -> None:
    """``n_high_bits`` and ``n_low_bits`` count the widest and the narrowest width."""
    for claimed, choose in ((claims.high, max), (claims.low, min)):
        if claimed is None:
            continue
        widest = choose(stored, default=0)
        two_widths = len(stored) > 1 or claimed == 0
        actual = stored[widest] if two_widths else 0
        if claimed != actual and not (len(stored) == 1 and claimed == stored[widest]):
            raise _contradiction(claims, 8 if choose is max else 4, claimed, actual)


def _contradiction(claims: Claims, bits: int, claimed: int, found: int) -> StatsDisagree:
    word = found if found else "none"
    return StatsDisagree(
        f"{claims.file}: {claimed} components at {bits} bit claimed, {word} in the file",
        f"remove {claims.file}, or publish the folder it belongs to",
        claimed=claimed,
        found=found,
    )
