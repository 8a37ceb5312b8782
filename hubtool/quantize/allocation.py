"""Spending a bit budget over components. Arithmetic only; no weights are opened."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hubtool.records import Record


@dataclasses.dataclass(frozen=True)
class ComponentWidth:
    """The width one component gets, and why (a sentence for ``--explain``).

    ``bits`` is 16 for a component that stays unquantized (a router).
    """

    name: str
    bits: int
    parameters: int
    reason: str


@dataclasses.dataclass(frozen=True)
class Allocation(Record):
    """Component -> bits. ``nominal_bpw`` is sum(bits x parameters) / sum(parameters)."""

    schema: ClassVar[int] = 1
    components: tuple[ComponentWidth, ...]
    candidate_bits: tuple[int, ...]
    group_size: int
    target_bpw: float
    nominal_bpw: float
    measured: bool  # False: a static rule, no sensitivities behind it
