"""A quant that another tool made: what its metadata claims, held against its bytes."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hubtool.artifact.stats import QuantStats
from hubtool.errors import StatsDisagree
from hubtool.quantize.choice import UNQUANTIZED_BITS

PLACES = ("optiq/metadata.json", "optiq_metadata.json")  # the subfolder wins


class _Layer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    bits: int


class _Optimization(BaseModel):
    model_config = ConfigDict(extra="ignore")
    per_layer: dict[str, _Layer] | None = None


class _OptiqMetadata(BaseModel):
    """mlx-optiq's metadata. Its older files have ``per_layer`` under ``optimization``."""

    model_config = ConfigDict(extra="ignore")
    method: str | None = None
    n_high_bits: int | None = None
    n_low_bits: int | None = None
    per_layer: dict[str, _Layer] | None = None
    optimization: _Optimization | None = None


@dataclasses.dataclass(frozen=True)
class Claims:
    """What a quant's metadata says of itself. ``file`` is None where it has none.

    ``widths`` maps a component to its bits; ``high`` and ``low`` are how many
    components are of the widest and of the narrowest width.
    """

    file: str | None = None
    method: str | None = None
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
    except ValueError as error:
        raise StatsDisagree(
            f"{place} cannot be read: {str(error).splitlines()[0]}", f"mend or remove {place}"
        ) from error
    older = metadata.optimization.per_layer if metadata.optimization else None
    layers = metadata.per_layer or older or {}
    return Claims(
        file=place,
        method=metadata.method,
        widths={name: layer.bits for name, layer in layers.items()},
        high=metadata.n_high_bits,
        low=metadata.n_low_bits,
    )


def require_claims_true(claims: Claims, stats: QuantStats) -> None:
    """Raise StatsDisagree, with both figures, if the metadata contradicts the weights."""
    found = {component.name: component.bits for component in stats.components}
    stored = Counter(found.values())
    claimed = Counter(bits for bits in claims.widths.values() if bits != UNQUANTIZED_BITS)
    if claims.widths and claimed != stored:
        raise _contradiction(claims, _counted(claimed), _counted(stored))
    for name, bits in claims.widths.items():
        if bits != UNQUANTIZED_BITS and found.get(name) != bits:
            raise _contradiction(
                claims, f"{name} at {bits} bit", f"it at {found[name]}" if name in found else "none"
            )
    _require_counts(claims, stored)


def _require_counts(claims: Claims, stored: Counter[int]) -> None:
    """``n_high_bits`` and ``n_low_bits`` count the widest and the narrowest width.

    Where there is only one width, writers differ on which of the two it is.
    """
    widths = sorted(stored) or [0]
    for field, claimed, width in (
        ("n_high_bits", claims.high, widths[-1]),
        ("n_low_bits", claims.low, widths[0]),
    ):
        honest = {stored[width], 0} if len(widths) == 1 else {stored[width]}
        if claimed is not None and claimed not in honest:
            raise _contradiction(claims, f"{claimed} components as {field}", _counted(stored))


def _counted(counts: Counter[int]) -> str:
    if not counts:
        return "no quantized component"
    return " and ".join(f"{counts[bits]} at {bits} bit" for bits in sorted(counts))


def _contradiction(claims: Claims, claimed: str, found: str) -> StatsDisagree:
    return StatsDisagree(
        f"{claims.file} claims {claimed}, the weights hold {found}",
        f"remove {claims.file}, or publish the folder it belongs to",
        claimed=claimed,
        found=found,
    )
