"""Whether a budget can be kept to, known before anything is measured."""

from __future__ import annotations

from pathlib import Path

from hubtool.quantize.allocation import spend_budget
from hubtool.quantize.budget import Budget
from hubtool.quantize.choice import ChoiceGrid
from hubtool.quantize.footprint import footprint_of_folder
from hubtool.quantize.static import static_sensitivity


def require_possible(
    folder: Path,
    budget: Budget,
    grid: ChoiceGrid,
    group_size: int,
    *,
    vision: bool = False,
    mtp: bool = False,
    trust_remote_code: bool = False,
) -> None:
    """Raise BudgetImpossible if the base in ``folder`` at its narrowest is above ``budget``.

    Shapes decide that, and figures by rule stand in for measured ones.
    ``vision`` and ``mtp`` say which sidecars count. Raises NothingToQuantize too.
    """
    shapes = footprint_of_folder(
        folder, min(grid.group_sizes), vision=vision, mtp=mtp, trust_remote_code=trust_remote_code
    )
    spend_budget(static_sensitivity(shapes, {}, grid, group_size), budget, shapes)
