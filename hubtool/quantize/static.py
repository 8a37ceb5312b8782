"""Sensitivities by a rule, without any measurement: shapes and names are all it reads.

A weight's rounding error follows from its width and group size: a group of g
normal draws spans about R(g) standard deviations, an affine grid of 2^b levels
cuts that into steps of R/(2^b - 1), and a uniform error over a step has the
variance step^2 / 12. How much an error matters is taken to be in proportion
to the number of weights, times a factor for what the module does. The factors
are medians of a measurement on one model: docs/explanation/measuring.md.
"""

from __future__ import annotations

import re

from hubtool.quantize.choice import Choice, ChoiceGrid
from hubtool.quantize.footprint import Footprint
from hubtool.quantize.sensitivity import ComponentSensitivity, Sensitivity

# mean range of g independent standard normal draws [Tippett 1925]
NORMAL_RANGES = {32: 4.139, 64: 4.745, 128: 5.292}
# how much more a weight of this kind matters than the median weight
FACTORS: tuple[tuple[re.Pattern[str], float], ...] = ((re.compile(r"v_proj$"), 1.0),)


def relative_error(choice: Choice) -> float:
    """Mean squared rounding error of normal weights, in units of their variance."""
    if not choice.is_quantized:
        return 0.0
    step = NORMAL_RANGES[choice.group_size] / (2**choice.bits - 1)
    return float(step**2 / 12)


def _factor(name: str) -> float:
    return next((factor for pattern, factor in FACTORS if pattern.search(name)), 1.0)


def static_sensitivity(footprint: Footprint, grid: ChoiceGrid, group_size: int) -> Sensitivity:
    """The rule's figures for every component of ``footprint`` at every choice of ``grid``."""
    total = sum(shape.parameters for shape in footprint.weights.values())
    components = []
    for name, shape in footprint.weights.items():
        weight = _factor(name) * shape.parameters / total
        kl = {
            choice.key(group_size): weight * relative_error(choice)
            for choice in grid.choices
            if choice.fits(shape.inputs)
        }
        components.append(ComponentSensitivity(name, shape.parameters, kl))
    return Sensitivity(
        components=tuple(components),
        candidate_bits=grid.bits,
        group_size=group_size,
        group_sizes=grid.group_sizes,
        method="static",
        reference=None,
        reference_reason="nothing was measured: a rule by kind of module",
        calibration=None,
        dtype="",
    )
