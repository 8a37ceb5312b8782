"""``optiq/metadata.json`` and ``optiq/sensitivity.json``: mlx-optiq reads them, so do we.

Field names and places are mlx-optiq's (0.4.18 and later); what hubtool adds
stands beside them under names of its own.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from hubtool.artifact.stats import QuantStats
from hubtool.errors import HubtoolError, StatsDisagree
from hubtool.quantize.allocation import Allocation
from hubtool.quantize.budget import Budget, MemorySum
from hubtool.quantize.choice import UNQUANTIZED_BITS
from hubtool.quantize.published import published_form
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.sensitivity import Sensitivity
from hubtool.quantize.verification import Verification
from hubtool.records import write_whole

METADATA = "optiq/metadata.json"
SENSITIVITY = "optiq/sensitivity.json"
TOOL = "hubtool"
_VERIFICATION = "verification"
_REFERENCES = {"bf16": "bf16", "uniform4": "uniform_4bit"}


@dataclasses.dataclass(frozen=True)
class MeasurementFacts:
    """How sensitivity was measured; see ``hubtool.quantize.sensitivity`` for the fields."""

    method: str  # fisher or exact
    reference: str  # bf16 or uniform4
    reference_reason: str  # why that one
    calibration_sha256: str  # of the mix that was read
    domains: tuple[str, ...]  # of the calibration mix
    samples: int  # texts that were read
    tokens: int  # over all domains


@dataclasses.dataclass(frozen=True)
class Making:
    """How a quant came about that hubtool made, by its metadata.

    ``target_bpw`` is None for a budget of another kind, ``measurement`` where
    hubtool measured nothing; ``chosen_by`` then says what the widths come from.
    ``budget`` are the flags that ask for the same again. ``rounding`` is the
    way of rounding by its name, None in files from before it could be chosen.
    ``base_sha256`` is of the base's weights (see ``weights_sha256``), None likewise.
    """

    target_bpw: float | None
    measurement: MeasurementFacts | None
    budget: str | None = None
    chosen_by: str | None = None
    rounding: str | None = None
    base_sha256: str | None = None


def write_optiq_files(
    folder: Path,
    *,
    base_repo: str | None,
    base_revision: str | None,
    base_sha256: str,
    sensitivity: Sensitivity,
    allocation: Allocation,
    stats: QuantStats,
    rounding: RoundingName,
    verification: Verification | None = None,
) -> tuple[str, ...]:
    """Write both files; returns their paths in ``folder``.

    ``per_layer`` is what ``stats`` found in the bytes, not what was planned.
    """
    used = sensitivity.calibration
    kept = {item.name for item in allocation.components if item.bits == UNQUANTIZED_BITS}
    per_layer: dict[str, Any] = {
        item.name: {"bits": item.bits, "group_size": item.group_size} for item in stats.components
    }
    per_layer |= {name: {"bits": UNQUANTIZED_BITS, "group_size": None} for name in kept}
    widths = [share.bits for share in stats.widths]
    counts = {share.bits: share.components for share in stats.widths}
    metadata: dict[str, Any] = {
        "tool": TOOL,
        "method": "optiq_mixed_precision",
        "base_model": base_repo,
        "base_revision": base_revision,
        "base_sha256": base_sha256,
        "reference": _REFERENCES[sensitivity.reference] if sensitivity.reference else None,
        "reference_reason": sensitivity.reference_reason,
        "sensitivity_method": sensitivity.method,
        "sensitivity_source": sensitivity.source,
        "budget": _budget_json(allocation.budget),
        "target_bpw": allocation.budget.target_bpw,
        "achieved_bpw": stats.nominal_bpw,
        "stored_bpw": stats.stored_bpw,
        "rounding": rounding,
        "optimality_gap": 0.0 if allocation.is_best else allocation.optimality_gap,
        "group_sizes": sorted({item.group_size for item in stats.components}),
        "n_high_bits": counts.get(max(widths, default=0), 0),
        "n_low_bits": counts.get(min(widths, default=0), 0),
        "threshold": 0.0,
        "calibration": dataclasses.asdict(used) if used else None,
        "per_layer": dict(sorted(per_layer.items())),
    }
    if verification is not None and verification.distance is not None:
        metadata[_VERIFICATION] = verification.to_json()
    _write(folder / METADATA, metadata)
    _write(folder / SENSITIVITY, published_form(base_repo, sensitivity))
    return (METADATA, SENSITIVITY)


def read_making(folder: Path) -> Making | None:
    """What ``optiq/metadata.json`` says of the making; None unless hubtool wrote it.

    Raises StatsDisagree if it was damaged since.
    """
    data = _metadata(folder)
    if data is None or data.get("tool") != TOOL:
        return None
    try:
        return _making(data)
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(error) from error


def write_verification(folder: Path, verification: Verification) -> None:
    """Put ``verification`` into ``optiq/metadata.json``; what else stands there stays.

    Raises StatsDisagree if the file is there and cannot be read.
    """
    file = folder / METADATA
    _write(file, {**(_metadata(folder) or {}), _VERIFICATION: verification.to_json()})


def read_verification(folder: Path) -> Verification | None:
    """What ``optiq/metadata.json`` says of the distance from the base, if it does.

    Raises StatsDisagree if it was damaged since.
    """
    found = (_metadata(folder) or {}).get(_VERIFICATION)
    if found is None:
        return None
    try:
        return Verification.from_json(found)
    except (HubtoolError, TypeError, ValueError) as error:
        raise _unreadable(error) from error


def _metadata(folder: Path) -> dict[str, Any] | None:
    """The whole file, if it is there and holds fields."""
    file = folder / METADATA
    if not file.is_file():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _unreadable(error) from error
    return data if isinstance(data, dict) else None


def _unreadable(error: Exception) -> StatsDisagree:
    return StatsDisagree(
        f"{METADATA} cannot be read: {type(error).__name__}: {error}",
        f"make the quant again, or remove {METADATA}",
    )


def _making(data: dict[str, Any]) -> Making:
    spent = data.get("budget")  # files of before have only ``target_bpw``
    return Making(
        target_bpw=data["target_bpw"],
        measurement=_measurement(data) if data["calibration"] is not None else None,
        budget=_budget(spent).flags if spent else None,
        chosen_by=_chosen_by(data["sensitivity_method"], data.get("sensitivity_source")),
        rounding=data.get("rounding"),
        base_sha256=data.get("base_sha256"),
    )


def _budget(spent: dict[str, Any]) -> Budget:
    memory = spent.get("memory")
    return Budget(spent["kind"], spent["amount"], MemorySum(**memory) if memory else None)


def _chosen_by(method: str, source: str | None) -> str | None:
    if method == "static":
        return "a static rule of hubtool; nothing was measured"
    if method == "published":
        return f"sensitivities read from {source}; not measured by hubtool"
    return None


def _measurement(data: dict[str, Any]) -> MeasurementFacts:
    used = data["calibration"]
    words = {theirs: ours for ours, theirs in _REFERENCES.items()}
    return MeasurementFacts(
        method=data["sensitivity_method"],
        reference=words[data["reference"]],
        reference_reason=data["reference_reason"],
        calibration_sha256=used["sha256"],
        domains=tuple(used["domains"]),
        samples=used["samples"],
        tokens=used["tokens"],
    )


def _budget_json(budget: Budget) -> dict[str, Any]:
    asked: dict[str, Any] = {"kind": budget.kind, "amount": budget.amount}
    return asked | ({"memory": dataclasses.asdict(budget.memory)} if budget.memory else {})


def _write(file: Path, data: dict[str, Any]) -> None:
    write_whole(file, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
