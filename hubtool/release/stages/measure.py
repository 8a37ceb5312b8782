"""Measure: how much each component suffers from each candidate width."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from hubtool.base.source import Snapshot
from hubtool.quantize.calibration import load_mix
from hubtool.quantize.sensitivity import Method, Sensitivity, measure_sensitivity
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage


@dataclasses.dataclass(frozen=True)
class MeasureOptions:
    """How to measure; ``mix_sha256`` makes another calibration mix another measurement."""

    candidate_bits: tuple[int, ...]
    group_size: int
    method: Method
    reference: Literal["auto", "bf16", "uniform4"]
    calibration: str | None
    mix_sha256: str
    tokens: int
    seed: int
    trust_remote_code: bool
    imported: bool


class Measure(Stage[MeasureOptions, Sensitivity]):
    """Snapshot -> Sensitivity."""

    name, title = "measure", "Measuring sensitivity"
    reads = (Snapshot,)
    writes = Sensitivity

    def options(self, manifest: ReleaseManifest) -> MeasureOptions:
        want = manifest.quantize
        folder = Path(want.calibration) if want.calibration else None
        return MeasureOptions(
            candidate_bits=want.candidate_bits,
            group_size=want.group_size,
            method=want.method,
            reference=want.reference,
            calibration=want.calibration,
            mix_sha256=load_mix(folder).sha256,
            tokens=want.calibration_tokens,
            seed=want.seed,
            trust_remote_code=want.trust_remote_code,
            imported=manifest.quant is not None,
        )

    def skip(self, want: MeasureOptions) -> str | None:
        return "the quant was made by another tool" if want.imported else None

    def run(self, context: Context, want: MeasureOptions) -> Sensitivity:
        return measure_sensitivity(
            context.work.root / context.get(Snapshot).folder,
            candidate_bits=want.candidate_bits,
            group_size=want.group_size,
            method=want.method,
            reference=want.reference,
            mix=load_mix(Path(want.calibration) if want.calibration else None),
            tokens=want.tokens,
            seed=want.seed,
            checkpoint_folder=context.work.measure,
            console=context.console,
            trust_remote_code=want.trust_remote_code,
        )
