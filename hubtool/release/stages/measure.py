"""Measure: how much each component suffers from each candidate width."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hubtool.artifact.layout import read_json_object
from hubtool.base.source import Snapshot
from hubtool.console import Console
from hubtool.quantize.calibration import load_mix
from hubtool.quantize.choice import UNQUANTIZED_BITS, ChoiceGrid
from hubtool.quantize.footprint import footprint_of_folder
from hubtool.quantize.published import read_sensitivity, require_same_base, restricted
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.sensitivity import Sensitivity, measure_sensitivity
from hubtool.quantize.static import static_sensitivity
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.quantize_options import QuantizeOptions
from hubtool.release.stage import Context, Stage

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient


@dataclasses.dataclass(frozen=True)
class MeasureOptions:
    """How to measure; ``mix_sha256`` makes another calibration mix another measurement.

    ``sensitivity`` is a file or repo to read instead, ``sensitivity_sha256`` the
    hash of a file. ``names_choices`` says that no other choices may be read from that.
    """

    grid: ChoiceGrid
    names_choices: bool
    group_size: int
    method: Literal["fisher", "exact", "static"]
    reference: Literal["auto", "bf16", "uniform4"]
    rounding: RoundingName
    calibration: str | None
    mix_sha256: str
    tokens: int
    seed: int
    trust_remote_code: bool
    imported: bool
    sensitivity: str | None
    sensitivity_sha256: str | None


class Measure(Stage[MeasureOptions, Sensitivity]):
    """Snapshot -> Sensitivity: measured, read from a file or repo, or by the static rule."""

    name, title = "measure", "Measuring sensitivity"
    version = 2
    reads = (Snapshot,)
    writes = Sensitivity

    def options(self, manifest: ReleaseManifest) -> MeasureOptions:
        return measure_options(manifest.quantize, imported=manifest.quant is not None)

    def skip(self, want: MeasureOptions) -> str | None:
        return "the quant was made by another tool" if want.imported else None

    def run(self, context: Context, want: MeasureOptions) -> Sensitivity:
        return sensitivity_of(
            context.work.root / context.get(Snapshot).folder,
            want,
            hub=context.hub,
            state=context.work.measure / "sensitivity.partial.json",
            console=context.console,
        )


def measure_options(want: QuantizeOptions, *, imported: bool = False) -> MeasureOptions:
    """The part of a manifest that decides the sensitivities."""
    folder = Path(want.calibration) if want.calibration else None
    file = Path(want.sensitivity) if want.sensitivity else None
    content = file.read_bytes() if file and file.is_file() else None
    return MeasureOptions(
        grid=want.grid,
        names_choices=want.sensitivity is not None and bool(want.asked),
        group_size=want.group_size,
        method=want.method,
        reference=want.reference,
        rounding=want.rounding,
        calibration=want.calibration,
        mix_sha256=load_mix(folder).sha256,
        tokens=want.calibration_tokens,
        seed=want.seed,
        trust_remote_code=want.trust_remote_code,
        imported=imported,
        sensitivity=want.sensitivity,
        sensitivity_sha256=hashlib.sha256(content).hexdigest() if content is not None else None,
    )


def sensitivity_of(
    folder: Path,
    want: MeasureOptions,
    *,
    hub: HubClient | None,
    state: Path,
    console: Console,
) -> Sensitivity:
    """The sensitivities of the base in ``folder``, from where ``want`` says."""
    if want.sensitivity is not None:
        found = read_sensitivity(want.sensitivity, hub)
        require_same_base(found, want.sensitivity, folder)
        console.fact("sensitivities from", found.source or want.sensitivity)
        return restricted(found, want.grid) if want.names_choices else found
    if want.method == "static":
        smallest = min(want.grid.group_sizes)
        shapes = footprint_of_folder(folder, smallest, trust_remote_code=want.trust_remote_code)
        config = read_json_object(folder / "config.json")
        return static_sensitivity(shapes, config, want.grid, want.group_size)
    measured = measure_sensitivity(
        folder,
        candidate_bits=[bits for bits in want.grid.bits if bits != UNQUANTIZED_BITS],
        group_size=want.group_size,
        group_sizes=want.grid.group_sizes,
        method=want.method,
        reference=want.reference,
        rounding=want.rounding,
        mix=load_mix(Path(want.calibration) if want.calibration else None),
        tokens=want.tokens,
        seed=want.seed,
        state=state,
        console=console,
        trust_remote_code=want.trust_remote_code,
    )
    # 16 bit needs no measuring: it adds nothing
    return dataclasses.replace(measured, candidate_bits=want.grid.bits)
