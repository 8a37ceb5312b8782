"""The uniform quants that mlx-lm would make of a model, and the one nearest in size to another."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from hubtool.quantize.choice import GROUP_SIZES, WIDTHS, Choice, choices_of
from hubtool.quantize.components import all_components

if TYPE_CHECKING:
    import mlx.nn as nn

_SAME_SIZE = 1e-3  # relative: a padded row or a norm more makes no other size


@dataclasses.dataclass(frozen=True)
class Uniform:
    """What ``mlx_lm.convert -q`` makes at one width and group size.

    ``stored_bpw`` counts all bytes over all parameters; ``choices`` has the
    modules that are quantized (an architecture may ask for its own width).
    """

    choice: Choice
    stored_bpw: float
    choices: dict[str, Choice]


def nearest_uniform(model: nn.Module, stored_bpw: float) -> Uniform | None:
    """The smallest uniform quant of ``model`` (floats as stored) that is not below ``stored_bpw``.

    None if there is none: more than 8 bits with the smallest groups.
    """
    found = (uniform_of(model, choice) for choice in choices_of(WIDTHS, GROUP_SIZES))
    large_enough = [one for one in found if one.stored_bpw >= stored_bpw * (1 - _SAME_SIZE)]
    return min(large_enough, key=lambda one: one.stored_bpw, default=None)


def uniform_of(model: nn.Module, choice: Choice) -> Uniform:
    """The uniform quant of ``model`` at ``choice``: what is quantized, and how large it comes out.

    Modules whose rows do not divide into groups, and those that the
    architecture keeps, stay as they are, as in mlx-lm's ``quantize_model``.
    """
    from mlx.utils import tree_flatten

    architecture = getattr(model, "quant_predicate", None)
    sizes = {name: array.nbytes for name, array in tree_flatten(model.parameters())}
    parameters = sum(array.size for _, array in tree_flatten(model.parameters()))
    choices: dict[str, Choice] = {}
    for one in all_components(model):
        name, module = one.name, one.module
        if module.weight.shape[-1] % choice.group_size:
            continue
        asked = True if architecture is None else architecture(name, module)
        if not asked:
            continue
        own = choice
        if isinstance(asked, dict):
            own = Choice(asked.get("bits", own.bits), asked.get("group_size", own.group_size))
        choices[name] = own
        scale_bytes = 2 * module.weight.itemsize / own.group_size  # a scale and a bias a group
        sizes[f"{name}.weight"] = module.weight.size * (own.bits / 8 + scale_bytes)
    return Uniform(choice, 8 * sum(sizes.values()) / parameters, choices)
