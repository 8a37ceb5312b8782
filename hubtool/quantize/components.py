"""Which modules of a model can be quantized, under the names mlx-lm knows them by."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import mlx.nn as nn


@dataclasses.dataclass(frozen=True)
class Component:
    """One quantizable module: a Linear, an Embedding (tied or not) or a fused expert tensor.

    ``name`` is the path that mlx-lm's quantization predicate is called with.
    """

    name: str
    module: Any
    parameters: int


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A module that stays unquantized although it is of a quantizable kind, and why."""

    name: str
    reason: str


def find_components(
    model: nn.Module, group_size: int
) -> tuple[tuple[Component, ...], tuple[LeftOut, ...]]:
    """The components of ``model`` in path order of the model, and those left out.

    A module whose input dimension is no multiple of ``group_size`` is left out,
    as mlx-lm does, and so is one that the architecture keeps unquantized.
    """
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    architecture = getattr(model, "quant_predicate", None)
    leaves = tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
    components: list[Component] = []
    left_out: list[LeftOut] = []
    for name, module in leaves:
        if not hasattr(module, "to_quantized"):
            continue
        input_dims = module.weight.shape[-1]
        if input_dims % group_size:
            reason = f"input dimension {input_dims} is no multiple of group size {group_size}"
            left_out.append(LeftOut(name, reason))
        elif architecture is not None and architecture(name, module) is False:
            left_out.append(LeftOut(name, "its architecture keeps it unquantized in mlx-lm"))
        else:
            components.append(Component(name, module, int(module.weight.size)))
    return tuple(components), tuple(left_out)
