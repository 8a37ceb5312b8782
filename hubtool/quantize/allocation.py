"""Spending a bit budget over components. Arithmetic only; no weights are opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

from hubtool.console import format_bytes
from hubtool.errors import NothingToQuantize
from hubtool.quantize.budget import Budget, impossible, limit_bits
from hubtool.quantize.choice import UNQUANTIZED, Choice
from hubtool.quantize.footprint import Footprint
from hubtool.quantize.knapsack import Item, solve
from hubtool.quantize.options import Options, options_of
from hubtool.quantize.roles import MEASURED, role_of
from hubtool.quantize.sensitivity import Sensitivity
from hubtool.records import Record

MEGABYTE_BITS = 8_000_000


@dataclasses.dataclass(frozen=True)
class ComponentWidth:
    """The choice one component gets, and why (a sentence for ``--explain``).

    ``bits`` is 16 and ``group_size`` 0 for a component that stays unquantized (a router).
    """

    name: str
    bits: int
    group_size: int
    parameters: int
    reason: str

    @property
    def choice(self) -> Choice:
        """Width and group size as one."""
        return Choice(self.bits, self.group_size)


@dataclasses.dataclass(frozen=True)
class Allocation(Record):
    """Component -> choice. ``group_sizes`` are those in use.

    ``nominal_bpw`` is sum(bits x parameters) / sum(parameters) over the quantized
    components; ``stored_bytes`` and ``stored_bpw`` are what the weights will take
    with scales, biases and everything unquantized, the sidecars that were asked
    for included. ``kl`` is the sum of the components' sensitivities in nats a
    token, ``optimality_gap`` how much more that is than the bound of the linear
    relaxation, below which no allocation under this budget can come; ``is_best``
    says that none comes below this one. ``kl_per_megabyte`` is what a further one would save,
    ``unspent_share`` what is left of the budget, between 0 and 1.
    """

    schema: ClassVar[int] = 2
    components: tuple[ComponentWidth, ...]
    candidate_bits: tuple[int, ...]
    group_size: int
    group_sizes: tuple[int, ...]
    budget: Budget
    nominal_bpw: float
    stored_bytes: int
    stored_bpw: float
    kl: float
    optimality_gap: float
    is_best: bool
    kl_per_megabyte: float
    unspent_share: float = 0.0


def spend_budget(sensitivity: Sensitivity, budget: Budget, footprint: Footprint) -> Allocation:
    """Give each component the choice that makes the sum of KL least under the budget.

    A nominal budget counts the weights' own bits alone, so it keeps to the usual
    group size; the others count every byte. Equal input gives equal output, in
    any order of components. Raises BudgetImpossible below what the narrowest
    choices need, NothingToQuantize, and SensitivityMismatch.
    """
    options = options_of(sensitivity, footprint, usual_group_only=budget.is_nominal)
    # a nominal budget does not see what stays unquantized by rule
    counted = [one for one in options if not budget.is_nominal or one.choices != (UNQUANTIZED,)]
    if not any(choice.is_quantized for one in counted for choice in one.choices):
        raise NothingToQuantize(
            "the model has no component that can be quantized", "choose another base"
        )
    items = [one.item(nominal=budget.is_nominal) for one in counted]
    room = _room(counted, items, budget, footprint)
    solution = solve(items, room.limit_bits)
    spent_bits = sum(item.costs[pick] for item, pick in zip(items, solution.picks, strict=True))
    picked = {
        one.name: one.choices[pick] for one, pick in zip(counted, solution.picks, strict=True)
    }
    stored = footprint.bytes_at(picked)
    spent = [one for one in counted if picked[one.name].is_quantized]
    spread = sum(one.shape.parameters for one in spent)
    bits = sum(picked[one.name].bits * one.shape.parameters for one in spent)
    return Allocation(
        components=_widths(options, picked, sensitivity),
        candidate_bits=tuple(sorted(sensitivity.candidate_bits)),
        group_size=sensitivity.group_size,
        group_sizes=tuple(sorted({one.group_size for one in picked.values()} - {0})),
        budget=budget,
        nominal_bpw=bits / spread if spread else 0.0,
        stored_bytes=stored,
        stored_bpw=8 * stored / footprint.parameters,
        kl=solution.loss,
        optimality_gap=solution.loss - solution.bound,
        is_best=solution.is_best,
        kl_per_megabyte=solution.price * MEGABYTE_BITS,
        unspent_share=(room.limit_bits - spent_bits) / (room.limit_bits + room.fixed_bits),
    )


@dataclasses.dataclass(frozen=True)
class _Room:
    """What the components may take, and what the budget counts beside them."""

    limit_bits: int
    fixed_bits: int


def _room(
    counted: Sequence[Options], items: Sequence[Item], budget: Budget, footprint: Footprint
) -> _Room:
    """Raises BudgetImpossible if the narrowest choices need more."""
    spread = sum(one.shape.parameters for one in counted)
    fixed = footprint.other_bytes
    if budget.kind == "max_size":  # of files, and so with their headers
        fixed += footprint.header_bytes
    limit = limit_bits(budget, spread, footprint.parameters, fixed)
    fixed_bits = 0 if budget.is_nominal else 8 * fixed
    least = sum(min(item.costs) for item in items)
    if least > limit:
        raise impossible(budget, least + fixed_bits, spread, footprint.parameters)
    return _Room(limit, fixed_bits)


def _widths(
    options: Sequence[Options], picked: Mapping[str, Choice], sensitivity: Sensitivity
) -> tuple[ComponentWidth, ...]:
    """Every component with its choice, in the order of the sensitivities."""
    order = {one.name: place for place, one in enumerate(sensitivity.components)}
    chosen = [
        (one, picked.get(one.name, UNQUANTIZED))
        for one in sorted(options, key=lambda one: order.get(one.name, len(order)))
    ]
    return tuple(
        ComponentWidth(
            name=one.name,
            bits=choice.bits,
            group_size=choice.group_size,
            parameters=one.shape.parameters,
            reason=_reason(one, choice, sensitivity),
        )
        for one, choice in chosen
    )


def _reason(one: Options, choice: Choice, sensitivity: Sensitivity) -> str:
    if one.rule is not None:
        return one.rule
    role = role_of(one.name)
    measured = sensitivity.method in ("fisher", "exact")
    note = f"{role}, measured like the rest: " if role in MEASURED and measured else ""
    unit = "nats by the static rule" if sensitivity.method == "static" else "nats"
    kl = dict(zip(one.choices, one.kl, strict=True))
    narrow = min(one.choices, key=one.shape.bytes_at)
    extra = one.shape.bytes_at(choice) - one.shape.bytes_at(narrow)
    if choice == narrow or not extra:
        return f"{note}stays narrow: costs {kl[choice]:.2e} {unit}, others gain more per bit"
    usual = sensitivity.group_size
    saved = f"saves {kl[narrow] - kl[choice]:.2e} {unit} over {narrow.label(usual)}"
    return f"{note}{saved} for {format_bytes(extra)}"
