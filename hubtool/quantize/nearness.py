"""How far a quant's weights are from a base's, in units of what its widths explain."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hubtool.artifact.shares import kind_of
from hubtool.quantize.components import modules_of
from hubtool.quantize.weights import PackedWeight

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn

ROWS = 16  # of a module
LARGEST = 64_000_000  # parameters of a module: a weight is read whole


@dataclasses.dataclass(frozen=True)
class RowError:
    """How far sampled rows of a component are from the base's.

    ``times`` is the root mean square of the difference over step / sqrt(12), which an error
    that is even over a step of the grid makes: the median over the groups of weights.
    """

    name: str
    bits: int
    times: float


def row_errors(base: nn.Module, quant: nn.Module) -> tuple[RowError, ...]:
    """Of one module of each kind, spread over the depth of the model; both are loaded lazily.

    It is one of the widest of its kind, whose steps are the shortest. Only the affine mode
    has steps of equal length: other modules are left out, and so are those above ``LARGEST``.
    """
    others = modules_of(base)
    by_kind: dict[str, list[tuple[str, Any, mx.array]]] = {}
    for name, module in modules_of(quant).items():
        other = getattr(others.get(name), "weight", None)
        if other is not None and _comparable(module, other):
            by_kind.setdefault(kind_of(name), []).append((name, module, other))
    found = []
    kinds = sorted(by_kind)
    for place, kind in enumerate(kinds):
        finest = max(module.bits for _, module, _ in by_kind[kind])
        members = [one for one in by_kind[kind] if one[1].bits == finest]
        name, module, weight = members[len(members) * place // len(kinds)]
        found.append(RowError(name, finest, _times(module, weight)))
    return tuple(found)


def _comparable(module: Any, weight: mx.array) -> bool:
    if getattr(module, "scales", None) is None or getattr(module, "mode", "affine") != "affine":
        return False
    shape = (*module.scales.shape[:-1], module.scales.shape[-1] * module.group_size)
    return shape == tuple(weight.shape) and weight.size <= LARGEST


def _times(module: Any, weight: mx.array) -> float:
    import mlx.core as mx
    import numpy as np

    count = weight.size // weight.shape[-1]
    places = mx.array(np.linspace(0, count - 1, min(count, ROWS)).astype(np.int32))

    def rows(array: mx.array) -> mx.array:
        return array.reshape(count, -1)[places]

    error = PackedWeight.held_by(module).rows(rows) - rows(weight).astype(mx.float32)
    squares = mx.square(error).reshape(len(places), -1, module.group_size).mean(axis=-1)
    steps = mx.square(rows(module.scales).astype(mx.float32)) / 12
    # a group of equal weights has no step, and no error
    return float(np.median(np.sqrt(np.array(squares / mx.maximum(steps, 1e-30)))))
