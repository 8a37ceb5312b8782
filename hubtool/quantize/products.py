"""Products with a weight whose float32 copy would be too much: the head of a large vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubtool.quantize.weights import StoredWeight

if TYPE_CHECKING:
    import mlx.core as mx

LARGE_ELEMENTS = 1 << 26  # 256 MB in float32
PART_ELEMENTS = 1 << 24


def multiply_in_parts(x: mx.array, stored: StoredWeight, shape: tuple[int, int]) -> mx.array:
    """x W^T with a few rows of W in float32 at a time, forward and backward."""
    import mlx.core as mx

    rows, columns = shape
    height = max(1, PART_ELEMENTS // columns)
    places = [(start, min(rows, start + height)) for start in range(0, rows, height)]

    def part(start: int, stop: int, after: list[mx.array]) -> mx.array:
        def cut(array: mx.array) -> mx.array:
            # no part is expanded before the product with the last one is there
            waited = mx.depends([array], after[-1:])[0] if after else array
            return waited[start:stop]

        return stored.rows(cut)

    @mx.custom_function
    def forward(x: mx.array) -> mx.array:
        outputs: list[mx.array] = []
        for start, stop in places:
            outputs.append(x @ part(start, stop, outputs).T)
        return mx.concatenate(outputs, axis=-1)

    @forward.vjp
    def backward(_primal: Any, cotangent: mx.array, _output: Any) -> mx.array:
        sums: list[mx.array] = []
        for start, stop in places:
            product = cotangent[..., start:stop] @ part(start, stop, sums)
            sums.append(product if not sums else sums[-1] + product)
        return sums[-1]

    out: Any = forward(x)
    product: mx.array = out
    return product
