"""Sensitivities by a rule, without any measurement: names and shapes are all it reads.

A weight's rounding error follows from its width and group size: a group of g
normal draws spans about R(g) standard deviations, an affine grid of 2^b levels
cuts that into steps of R/(2^b - 1), and an error that is even over a step has
the variance step^2 / 12. On SmolLM2 the measured KL of most components keeps
to that from 3 to 6 bit. How much of it reaches the predictions
is taken in proportion to the weights that a token passes, times a factor for
what the module does. Scale and factors are medians of that one measurement:
docs/explanation/budgets.md shows them and what the rule costs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hubtool.quantize.choice import Choice, ChoiceGrid
from hubtool.quantize.footprint import Footprint
from hubtool.quantize.sensitivity import ComponentSensitivity, Sensitivity

# mean range of g independent standard normal draws [Tippett 1925]
NORMAL_RANGES = {32: 4.139, 64: 4.745, 128: 5.292}
SCALE_NATS = 30.0  # KL of a whole model whose rounding error is as large as its weights
FACTORS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"\.v_proj$"), 7.0),
    (re.compile(r"(embed_tokens|wte|word_embeddings|lm_head|^output)$"), 2.8),
)
EDGE_FACTOR = 3.0  # for what writes into the residual stream in the first and the last layer
_WRITES = re.compile(r"\.(o_proj|down_proj|up_proj|gate_proj)$")
_LAYER = re.compile(r"\.(\d+)\.")
_EXPERT = re.compile(r"\.(switch_mlp|experts)\.")
# keys and values are as many as the queries once each group of heads has read them
_GROUPED = re.compile(r"\.[kv]_proj$")


def relative_error(choice: Choice) -> float:
    """Mean squared rounding error of normal weights, in units of their variance."""
    if not choice.is_quantized:
        return 0.0
    step = NORMAL_RANGES[choice.group_size] / (2**choice.bits - 1)
    return float(step**2 / 12)


def static_sensitivity(
    footprint: Footprint, config: Mapping[str, Any], grid: ChoiceGrid, group_size: int
) -> Sensitivity:
    """The rule's figures for every component of ``footprint`` at every choice of ``grid``.

    ``config`` is the base's: which share of its experts a token passes.
    """
    passed = {name: _passed(name, footprint, _active_share(config)) for name in footprint.weights}
    total = sum(passed.values())
    last = max((_layer(name) or 0 for name in footprint.weights), default=0)
    components = []
    for name, shape in footprint.weights.items():
        edge = EDGE_FACTOR if _layer(name) in (0, last) and _WRITES.search(name) else 1.0
        weight = SCALE_NATS * _factor(name) * edge * passed[name] / total
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


def _passed(name: str, footprint: Footprint, active_share: float) -> float:
    """Weights that a token passes in this component."""
    shape = footprint.weights[name]
    if _EXPERT.search(name):
        return shape.parameters * active_share
    queries = footprint.weights.get(_GROUPED.sub(".q_proj", name), shape)
    return max(shape.parameters, queries.parameters)


def _active_share(config: Mapping[str, Any]) -> float:
    text = config.get("text_config") or config
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    experts = next((text[name] for name in names if text.get(name)), 1)
    return min(1.0, (text.get("num_experts_per_tok") or experts) / experts)


def _factor(name: str) -> float:
    return next((factor for pattern, factor in FACTORS if pattern.search(name)), 1.0)


def _layer(name: str) -> int | None:
    found = _LAYER.search(name)
    return int(found[1]) if found else None
