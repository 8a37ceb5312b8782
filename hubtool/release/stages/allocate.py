"""Allocate: spend the bit budget where it buys the most accuracy."""

from __future__ import annotations

import dataclasses

from hubtool.quantize.allocation import Allocation, explain, spend_budget
from hubtool.quantize.sensitivity import Sensitivity
from hubtool.records import write_whole
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage


@dataclasses.dataclass(frozen=True)
class AllocateOptions:
    """The budget in nominal bits per weight."""

    target_bpw: float
    imported: bool


class Allocate(Stage[AllocateOptions, Allocation]):
    """Sensitivity -> Allocation. Arithmetic only; no weights are opened."""

    name, title = "allocate", "Allocating bits"
    reads = (Sensitivity,)
    writes = Allocation

    def options(self, manifest: ReleaseManifest) -> AllocateOptions:
        return AllocateOptions(manifest.quantize.target_bpw, manifest.quant is not None)

    def skip(self, want: AllocateOptions) -> str | None:
        return "the quant was made by another tool" if want.imported else None

    def run(self, context: Context, want: AllocateOptions) -> Allocation:
        sensitivity = context.get(Sensitivity)
        allocation = spend_budget(sensitivity, want.target_bpw)
        for bits in sorted({component.bits for component in allocation.components}):
            count = sum(component.bits == bits for component in allocation.components)
            context.console.fact(f"components at {bits} bit", count)
        context.console.fact("nominal bits per weight", f"{allocation.nominal_bpw:.3f}")
        report = context.work.logs / "allocation.txt"
        write_whole(report, explain(allocation, sensitivity) + "\n")
        context.console.fact("why each got its width", report)
        return allocation
