"""Products with a weight of which only a part is in float32 at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hubtool.quantize.weights import StoredWeight

if TYPE_CHECKING:
    import mlx.core as mx

LARGE_ELEMENTS = 1 << 26  # 256 MB in float32: the head of a large vocabulary
PART_ELEMENTS = 1 << 24
# Of a part that is evaluated: 4 MB stay in the processor's cache, and the allocator gives the
# same memory again instead of asking the system for pages
AT_ONCE_ELEMENTS = 1 << 20


def multiply_in_parts(x: mx.array, stored: StoredWeight, shape: tuple[int, int]) -> mx.array:
    """x W^T with a few rows of W in float32 at a time, forward and backward."""
    import mlx.core as mx

    places = _places(shape, PART_ELEMENTS)

    def part(weight: StoredWeight, start: int, stop: int, after: list[mx.array]) -> mx.array:
        def cut(array: mx.array) -> mx.array:
            # no part is expanded before the product with the last one is there
            waited = mx.depends([array], after[-1:])[0] if after else array
            return waited[start:stop]

        return weight.rows(cut)

    @mx.custom_function
    def forward(x: mx.array) -> mx.array:
        weight, outputs = stored.fetched(), list[mx.array]()
        for start, stop in places:
            outputs.append(x @ part(weight, start, stop, outputs).T)
        return mx.concatenate(outputs, axis=-1)

    @forward.vjp
    def backward(_primal: Any, cotangent: mx.array, _output: Any) -> mx.array:
        weight, sums = stored.fetched(), list[mx.array]()
        for start, stop in places:
            product = cotangent[..., start:stop] @ part(weight, start, stop, sums)
            sums.append(product if not sums else sums[-1] + product)
        return sums[-1]

    out: Any = forward(x)
    product: mx.array = out
    return product


def multiply_at_once(
    x: mx.array,
    stored: StoredWeight,
    shape: tuple[int, int],
    lay_out: Callable[[mx.array], mx.array],
) -> mx.array:
    """x W^T, evaluated: quicker than ``multiply_in_parts`` and without a gradient.

    ``lay_out`` puts a part in the memory order that the product wants.
    """
    import mlx.core as mx

    weight, outputs = stored.fetched(), list[mx.array]()
    for start, stop in _places(shape, AT_ONCE_ELEMENTS):
        outputs.append(x @ lay_out(weight.cut(start, stop).expanded()).T)
        mx.eval(outputs[-1])
    product = mx.concatenate(outputs, axis=-1) if len(outputs) > 1 else outputs[0]
    mx.eval(product)
    return product


def _places(shape: tuple[int, int], elements: int) -> list[tuple[int, int]]:
    """First and last row of each part."""
    rows, columns = shape
    height = max(1, elements // columns)
    return [(start, min(rows, start + height)) for start in range(0, rows, height)]
