"""Spending a bit budget over components. Arithmetic only; no weights are opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from hubtool.errors import BudgetImpossible
from hubtool.quantize.choice import UNQUANTIZED_BITS, Choice
from hubtool.quantize.roles import MEASURED, UNQUANTIZED, WIDEST, role_of
from hubtool.quantize.sensitivity import ComponentSensitivity, Sensitivity
from hubtool.records import Record


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
    """Component -> bits. ``nominal_bpw`` is sum(bits x parameters) / sum(parameters)."""

    schema: ClassVar[int] = 2
    components: tuple[ComponentWidth, ...]
    candidate_bits: tuple[int, ...]
    group_size: int
    target_bpw: float
    nominal_bpw: float


@dataclasses.dataclass(frozen=True)
class _Step:
    """Widening one component from ``bits`` to ``wider``, along its lower convex hull."""

    name: str
    bits: int
    wider: int
    cost_bits: int
    gain_nats: float

    @property
    def gain_per_bit(self) -> float:
        return self.gain_nats / self.cost_bits


def spend_budget(sensitivity: Sensitivity, target_bpw: float) -> Allocation:
    """Give each component the width that buys the most accuracy under the budget.

    The sum of KL is minimised under sum(bits x parameters) <= target_bpw x
    sum(parameters) over the components that are quantized: every component
    starts at the narrowest width; the steps of all lower convex hulls are taken
    in order of KL saved per bit spent as long as they fit. Within one
    component's step of the optimum, and equal input gives equal output (ties
    go by name). Raises BudgetImpossible below what the fixed widths need.
    """
    widths = sorted(sensitivity.candidate_bits)
    fixed = {
        component.name: _fixed_width(component.name, widths) for component in sensitivity.components
    }
    free = [component for component in sensitivity.components if fixed[component.name] is None]
    parameters = {component.name: component.parameters for component in sensitivity.components}
    quantized = sum(parameters[name] for name, bits in fixed.items() if bits != UNQUANTIZED_BITS)
    budget = target_bpw * quantized
    bits = {name: width or widths[0] for name, width in fixed.items()}
    spent = sum(bits[name] * parameters[name] for name in bits if bits[name] != UNQUANTIZED_BITS)
    _require_possible(target_bpw, spent, quantized)
    ranked = _ranked_steps(free, widths)
    taken: dict[str, int] = {}
    for rank, step in enumerate(ranked, 1):
        fits = spent + step.cost_bits <= budget
        if fits and bits[step.name] == step.bits:
            bits[step.name] = step.wider
            spent += step.cost_bits
            taken[step.name] = rank
    reasons = {
        component.name: _reason(component, bits, taken, len(ranked), fixed)
        for component in sensitivity.components
    }
    return Allocation(
        components=tuple(
            ComponentWidth(
                name,
                bits[name],
                sensitivity.group_size if bits[name] != UNQUANTIZED_BITS else 0,
                parameters[name],
                reasons[name],
            )
            for name in bits
        ),
        candidate_bits=tuple(widths),
        group_size=sensitivity.group_size,
        target_bpw=target_bpw,
        nominal_bpw=spent / quantized,
    )


def explain(allocation: Allocation, sensitivity: Sensitivity) -> str:
    """A table for people: every component with parameters, KL at each width, and the reason."""
    widths = allocation.candidate_bits
    head = f"{'component':<52} {'parameters':>12} {'bits':>5}"
    head += "".join(f" {f'KL at {bits}':>11}" for bits in widths) + "  why"
    kl = {component.name: component.kl for component in sensitivity.components}
    rows = [
        f"{component.name:<52} {component.parameters:>12,} {component.bits:>5}"
        + "".join(f" {kl[component.name][str(bits)]:>11.3e}" for bits in widths)
        + f"  {component.reason}"
        for component in allocation.components
    ]
    foot = (
        f"nominal {allocation.nominal_bpw:.4f} bits per weight, "
        f"budget {allocation.target_bpw:g}; KL in nats a token, method {sensitivity.method}, "
        f"reference {sensitivity.reference}"
    )
    return "\n".join([head, *rows, foot])


def _fixed_width(name: str, widths: Sequence[int]) -> int | None:
    role = role_of(name)
    if role in UNQUANTIZED:
        return UNQUANTIZED_BITS
    return widths[-1] if role in WIDEST else None


def _require_possible(target_bpw: float, spent: int, quantized: int) -> None:
    if not quantized:
        raise BudgetImpossible(
            "the model has no component that can be quantized", "choose another base"
        )
    if spent > target_bpw * quantized:
        raise BudgetImpossible(
            f"a budget of {target_bpw:g} bits per weight is below the least that these widths "
            f"and rules need, {spent / quantized:.3f}",
            f"raise --target-bpw to {spent / quantized:.2f} or more, or allow a narrower width",
            target_bpw=target_bpw,
            least_bpw=spent / quantized,
        )


def _ranked_steps(components: Sequence[ComponentSensitivity], widths: Sequence[int]) -> list[_Step]:
    steps = [step for component in components for step in _hull_steps(component, widths)]
    return sorted(steps, key=lambda step: (-step.gain_per_bit, step.name, step.bits))


def _hull_steps(component: ComponentSensitivity, widths: Sequence[int]) -> list[_Step]:
    """Steps along the lower convex hull of KL over width: each saves less per bit than the last."""
    steps, at = [], 0
    while at < len(widths) - 1:
        here = component.kl[str(widths[at])]
        candidates = [
            _Step(
                component.name,
                widths[at],
                widths[wider],
                (widths[wider] - widths[at]) * component.parameters,
                here - component.kl[str(widths[wider])],
            )
            for wider in range(at + 1, len(widths))
        ]
        best = max(candidates, key=lambda step: (step.gain_per_bit, step.wider))
        if best.gain_nats <= 0:
            break
        steps.append(best)
        at = widths.index(best.wider)
    return steps


def _reason(
    component: ComponentSensitivity,
    bits: dict[str, int],
    taken: dict[str, int],
    ranked: int,
    fixed: dict[str, int | None],
) -> str:
    name, width = component.name, bits[component.name]
    role = role_of(name)
    if fixed[name] == UNQUANTIZED_BITS:
        return f"{role}: kept unquantized, since rounding it changes which expert runs"
    if fixed[name] is not None:
        return f"{role}: every token passes it, so it gets the widest width"
    measured = f"{role}, measured like the rest: " if role in MEASURED else ""
    narrow = min(int(candidate) for candidate in component.kl)
    saved = component.kl[str(narrow)] - component.kl[str(width)]
    if name in taken:
        rank = f"step {taken[name]} of {ranked} by gain per bit"
        return f"{measured}saves {saved:.2e} nats over {narrow} bit; {rank}"
    cost = component.kl[str(width)]
    return f"{measured}stays narrow: costs {cost:.2e} nats, others gain more per bit"
