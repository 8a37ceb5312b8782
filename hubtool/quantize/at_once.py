"""One call of a component, computed when it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hubtool.quantize.products import multiply_at_once
from hubtool.quantize.running import Use, call_with, is_plain
from hubtool.quantize.weights import StoredWeight

if TYPE_CHECKING:
    import mlx.core as mx


def compute_at_once(use: Use, stored: StoredWeight, lay_out: Callable[[mx.array], mx.array]) -> Any:
    """The call from ``stored``, evaluated, without a gradient; of plain products in parts.

    Left to itself, mlx reads and expands several weights ahead.
    """
    import mlx.core as mx

    module = use.component.module
    if is_plain(use):
        out = multiply_at_once(use.args[0], stored, module.weight.shape, lay_out)
        out = out + module.bias if "bias" in module else out
    else:
        weight = lay_out(stored.expanded())
        out = call_with(module, weight, use.original, use.args, use.kwargs)
    mx.eval(out)
    return out
