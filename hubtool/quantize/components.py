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


def modules_of(model: nn.Module) -> dict[str, Any]:
    """The modules without children by their paths, in path order of the model."""
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    return dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))


def all_components(model: nn.Module) -> list[Component]:
    """Every module of a quantizable kind, whatever its shape."""
    return [
        Component(name, module, int(module.weight.size))
        for name, module in modules_of(model).items()
        if hasattr(module, "to_quantized")
    ]


def find_components(
    model: nn.Module, group_size: int
) -> tuple[tuple[Component, ...], tuple[LeftOut, ...]]:
    """The components of ``model`` in path order of the model, and those left out.

    A module whose input dimension is no multiple of ``group_size`` is left out,
    as mlx-lm does, and so is one that the architecture keeps unquantized.
    """
    architecture = getattr(model, "quant_predicate", None)
    components: list[Component] = []
    left_out: list[LeftOut] = []
    for one in all_components(model):
        name, module = one.name, one.module
        input_dims = module.weight.shape[-1]
        if input_dims % group_size:
            reason = f"input dimension {input_dims} is no multiple of group size {group_size}"
            left_out.append(LeftOut(name, reason))
        elif architecture is not None and architecture(name, module) is False:
            left_out.append(LeftOut(name, "its architecture keeps it unquantized in mlx-lm"))
        else:
            components.append(one)
    return tuple(components), tuple(left_out)
