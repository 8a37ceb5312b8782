"""Settle: the budget for this base, refused before anything is measured if it cannot be."""

from __future__ import annotations

import dataclasses

from hubtool.base.source import Snapshot
from hubtool.quantize.budget import Budget, BudgetWish
from hubtool.quantize.choice import ChoiceGrid
from hubtool.quantize.memory import settle
from hubtool.quantize.possible import require_possible
from hubtool.records import Record
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage


@dataclasses.dataclass(frozen=True)
class SettledBudget(Record):
    """The budget as it is for one base: a fit has become bytes."""

    budget: Budget


@dataclasses.dataclass(frozen=True)
class SettleOptions:
    """The budget, what is chosen from under it, and which sidecars count as bytes of it.

    ``grid`` is None where the choices are those of a file that others measured.
    """

    budget: BudgetWish
    grid: ChoiceGrid | None
    group_size: int
    vision: bool
    mtp: bool
    trust_remote_code: bool
    imported: bool


class Settle(Stage[SettleOptions, SettledBudget]):
    """Snapshot -> SettledBudget. Of the base only shapes are looked at."""

    name, title = "settle", "Settling the budget"
    reads = (Snapshot,)
    writes = SettledBudget

    def options(self, manifest: ReleaseManifest) -> SettleOptions:
        want = manifest.quantize
        return SettleOptions(
            budget=want.budget,
            grid=want.grid if want.sensitivity is None else None,
            group_size=want.group_size,
            vision=manifest.sidecars.vision == "auto",
            mtp=manifest.sidecars.mtp == "auto",
            trust_remote_code=want.trust_remote_code,
            imported=manifest.quant is not None,
        )

    def skip(self, want: SettleOptions) -> str | None:
        return "the quant was made by another tool" if want.imported else None

    def run(self, context: Context, want: SettleOptions) -> SettledBudget:
        folder = context.work.root / context.get(Snapshot).folder
        budget = settle(want.budget, folder, trust_remote_code=want.trust_remote_code)
        if want.grid is not None:
            require_possible(
                folder,
                budget,
                want.grid,
                want.group_size,
                vision=want.vision,
                mtp=want.mtp,
                trust_remote_code=want.trust_remote_code,
            )
        context.console.fact("budget", budget)
        return SettledBudget(budget)
