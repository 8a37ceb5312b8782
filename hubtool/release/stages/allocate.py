"""Allocate: spend the bit budget where it buys the most accuracy."""

from __future__ import annotations

import dataclasses

from hubtool.base.source import Snapshot
from hubtool.quantize.allocation import Allocation, spend_budget
from hubtool.quantize.budget import BudgetWish
from hubtool.quantize.explanation import explain, tell
from hubtool.quantize.footprint import footprint_of_folder
from hubtool.quantize.memory import settle
from hubtool.quantize.sensitivity import Sensitivity
from hubtool.records import write_whole
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage


@dataclasses.dataclass(frozen=True)
class AllocateOptions:
    """The budget, and which sidecars count as bytes of it."""

    budget: BudgetWish
    vision: bool
    mtp: bool
    trust_remote_code: bool
    imported: bool


class Allocate(Stage[AllocateOptions, Allocation]):
    """Snapshot, Sensitivity -> Allocation. Of the base only shapes are looked at."""

    name, title = "allocate", "Allocating bits"
    version = 2
    reads = (Snapshot, Sensitivity)
    writes = Allocation

    def options(self, manifest: ReleaseManifest) -> AllocateOptions:
        return AllocateOptions(
            budget=manifest.quantize.budget,
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
        trust = want.trust_remote_code
        footprint = footprint_of_folder(
            folder,
            min(sensitivity.group_sizes),
            vision=want.vision,
            mtp=want.mtp,
            trust_remote_code=trust,
        )
        budget = settle(want.budget, folder, trust_remote_code=trust)
        allocation = spend_budget(sensitivity, budget, footprint)
        tell(allocation, context.console)
        report = context.work.logs / "allocation.txt"
        write_whole(report, explain(allocation, sensitivity) + "\n")
        context.console.fact("why each got its width", report)
        return allocation
