"""The choices that each component has: measured ones, and those that a rule leaves."""

from __future__ import annotations

import dataclasses

from hubtool.errors import SensitivityMismatch
from hubtool.quantize.choice import UNQUANTIZED, UNQUANTIZED_BITS, Choice, choices_of
from hubtool.quantize.footprint import Footprint, WeightShape
from hubtool.quantize.knapsack import Item
from hubtool.quantize.roles import UNQUANTIZED as KEPT
from hubtool.quantize.roles import WIDEST, role_of
from hubtool.quantize.sensitivity import Sensitivity


@dataclasses.dataclass(frozen=True)
class Options:
    """What one component can be, and what each choice adds in KL; ``rule`` says who decided."""

    name: str
    shape: WeightShape
    choices: tuple[Choice, ...]
    kl: tuple[float, ...]
    rule: str | None = None

    def item(self, *, nominal: bool) -> Item:
        """As an item of the knapsack; costs in bits, of the weights alone or of all bytes."""
        costs = (
            choice.bits * self.shape.parameters if nominal else 8 * self.shape.bytes_at(choice)
            for choice in self.choices
        )
        return Item(tuple(costs), self.kl)


def options_of(
    sensitivity: Sensitivity, footprint: Footprint, *, usual_group_only: bool
) -> tuple[Options, ...]:
    """The options of every component of the model, by name.

    A component that was not measured gets the widest choice. Raises
    SensitivityMismatch if something was measured that the model does not have.
    """
    measured = {one.name: one for one in sensitivity.components}
    for name, one in measured.items():
        shape = footprint.weights.get(name)
        if shape is None or shape.parameters != one.parameters:
            found = "no such component" if shape is None else f"{shape.parameters} parameters"
            raise SensitivityMismatch(
                f"the sensitivities name {name} with {one.parameters} parameters; "
                f"the model has {found}",
                "name the sensitivities of this base, or measure: leave --sensitivity out",
                component=name,
            )
    options = []
    for name, shape in sorted(footprint.weights.items()):
        kl = _measured(sensitivity, measured[name].kl, shape) if name in measured else {}
        if usual_group_only:
            usual = {
                choice: value
                for choice, value in kl.items()
                if choice.group_size in (0, sensitivity.group_size)
            }
            kl = usual or kl
        options.append(_by_role(name, shape, kl, sensitivity))
    return tuple(options)


def _measured(
    sensitivity: Sensitivity, kl: dict[str, float], shape: WeightShape
) -> dict[Choice, float]:
    found = {Choice.parse(key, sensitivity.group_size): value for key, value in kl.items()}
    if UNQUANTIZED_BITS in sensitivity.candidate_bits:
        found.setdefault(UNQUANTIZED, 0.0)
    return {choice: found[choice] for choice in sorted(found) if choice.fits(shape.inputs)}


def _by_role(
    name: str, shape: WeightShape, kl: dict[Choice, float], sensitivity: Sensitivity
) -> Options:
    role = role_of(name)
    if role in KEPT:
        rule = f"{role}: kept unquantized, since rounding it changes which expert runs"
        return Options(name, shape, (UNQUANTIZED,), (0.0,), rule)
    if kl and role not in WIDEST:
        return Options(name, shape, tuple(kl), tuple(kl.values()))
    choices = tuple(kl) or choices_of(sensitivity.candidate_bits, sensitivity.group_sizes)
    widest = _widest(choices, shape, sensitivity.group_size)
    rule = f"{role}: every token passes it, so it gets the widest width"
    if not kl:
        rule = f"{role}: not measured, so it gets the widest width"
    return Options(name, shape, (widest,), (kl.get(widest, 0.0),), rule)


def _widest(choices: tuple[Choice, ...], shape: WeightShape, usual: int) -> Choice:
    """Most bits; of these the usual group size, else the largest groups."""
    fitting = [choice for choice in choices if choice.is_quantized and choice.fits(shape.inputs)]
    return max(
        fitting,
        key=lambda choice: (choice.bits, choice.group_size == usual, choice.group_size),
        default=UNQUANTIZED,
    )
