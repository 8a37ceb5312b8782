"""Allocate: spend the bit budget where it buys the most accuracy."""

from __future__ import annotations

import dataclasses

from hubtool.base.source import Snapshot
from hubtool.quantize.allocation import Allocation, spend_budget
from hubtool.quantize.choice import Asked
from hubtool.quantize.explanation import explain, tell
from hubtool.quantize.footprint import footprint_of_folder
from hubtool.quantize.gaps import gaps_of
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.sensitivity import Sensitivity
from hubtool.records import write_whole
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage
from hubtool.release.stages.settle import SettledBudget


@dataclasses.dataclass(frozen=True)
class AllocateOptions:
    """Which sidecars count as bytes of the budget; what to say of the sensitivities' gaps.

    Those are measured against the choices that were ``asked`` for, and the
    ``rounding`` that the weights will get.
    """

    asked: Asked
    rounding: RoundingName
    vision: bool
    mtp: bool
    trust_remote_code: bool
    imported: bool


class Allocate(Stage[AllocateOptions, Allocation]):
    """Snapshot, SettledBudget, Sensitivity -> Allocation. Of the base only shapes are looked at."""

    name, title = "allocate", "Allocating bits"
    version = 3
    reads = (Snapshot, SettledBudget, Sensitivity)
    writes = Allocation

    def options(self, manifest: ReleaseManifest) -> AllocateOptions:
        return AllocateOptions(
            asked=manifest.quantize.asked,
            rounding=manifest.quantize.rounding,
            vision=manifest.sidecars.vision == "auto",
            mtp=manifest.sidecars.mtp == "auto",
            trust_remote_code=manifest.quantize.trust_remote_code,
            imported=manifest.quant is not None,
        )

    def skip(self, want: AllocateOptions) -> str | None:
        return "the quant was made by another tool" if want.imported else None

    def run(self, context: Context, want: AllocateOptions) -> Allocation:
        sensitivity = context.get(Sensitivity)
        folder = context.work.root / context.get(Snapshot).folder
        footprint = footprint_of_folder(
            folder,
            min(sensitivity.group_sizes),
            vision=want.vision,
            mtp=want.mtp,
            trust_remote_code=want.trust_remote_code,
        )
        allocation = spend_budget(sensitivity, context.get(SettledBudget).budget, footprint)
        tell(allocation, context.console)
        gaps = gaps_of(sensitivity, allocation, footprint, asked=want.asked, rounding=want.rounding)
        for gap in gaps:
            context.console.note(f"  {gap}")
        report = context.work.logs / "allocation.txt"
        write_whole(report, "\n".join([explain(allocation, sensitivity), *gaps]) + "\n")
        context.console.fact("why each got its width", report)
        return allocation
