"""Rounding all components within one forward pass over the calibration mix.

The model runs over all windows at once. When a component is called, its inputs
are known: their second moments are taken, the weight is read from disk and
rounded, and the call's output is computed from the rounded weight. So a later
component is rounded for the inputs that it will have in the quant. At most one
component's weight is in memory at a time, beside the activations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hubtool.quantize.at_once import compute_at_once
from hubtool.quantize.choice import Choice
from hubtool.quantize.components import Component
from hubtool.quantize.roles import role_of
from hubtool.quantize.rounding.interface import Moments, Packed, Rounding
from hubtool.quantize.running import RunningModel, Use, call_with, float_places
from hubtool.quantize.shelf import Shelf
from hubtool.quantize.weights import PackedWeight, PlainWeight, StoredWeight

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn

Sink = Callable[[str, Packed], None]
# Of the mean moment, for the rows of a tied embedding. By their errors on SmolLM2 at 4 bit: more
# costs the head, less costs the rows.
ROWS_SHARE = 0.3
MOST_FULL_DIMS = 8192  # of which the full moments are taken: 256 MB in float32


class RoundingPass(RunningModel):
    """``model`` (loaded lazily) whose components are rounded as they are called.

    ``choices`` are those of the components to round; the others compute from
    their own weights. Each rounded one is handed to ``sink`` once.
    """

    def __init__(
        self,
        model: nn.Module,
        components: Sequence[Component],
        source: Shelf[PlainWeight],
        choices: Mapping[str, Choice],
        rounding: Rounding,
        sink: Sink,
        *,
        full_moments: bool,
        column_major: bool = False,
    ) -> None:
        super().__init__(model, components, {}, column_major=column_major)
        self._source, self._left = source, dict(choices)
        self._rounding, self._sink, self._full = rounding, sink, full_moments
        self._last: tuple[Any, Moments] | None = None
        self._looked_up: set[str] = set()

    def run(self, windows: Sequence[Sequence[int]]) -> tuple[str, ...]:
        """One pass over ``windows`` of equal length; names of components that it did not reach."""
        import mlx.core as mx

        self._model(mx.array([list(one) for one in windows]))  # its result is never computed
        self._last = None
        return tuple(self._left)

    def _compute(self, use: Use) -> Any:
        import mlx.core as mx

        name, places = use.component.name, float_places(use.args)
        mx.eval([use.args[place] for place in places])  # all that was computed for them can go
        found = self._source.take(name)
        if not places:
            return self._look_up(use, found.array)
        stored: StoredWeight = found
        if name in self._left:
            stored = self._round(name, found.array, use.args[places[0]])
        del found
        if role_of(name) in ("head", "embedding"):  # logits, which nothing follows: never computed
            return call_with(
                use.component.module, stored.full(), use.original, use.args, use.kwargs
            )
        return compute_at_once(use, stored, self.lay_out)

    def _look_up(self, use: Use, weight: mx.array) -> mx.array:
        """Rows of an embedding, rounded without moments; the whole may still become a head."""
        import mlx.core as mx

        out: mx.array = call_with(use.component.module, weight, use.original, use.args, use.kwargs)
        mx.eval(out)
        self._looked_up.add(use.component.name)
        choice = self._left.get(use.component.name)
        if choice is not None:  # groups lie within rows, so rows can be rounded by themselves
            packed = self._rounding(out.reshape(-1, out.shape[-1]), choice, None)
            out = packed.full(choice).reshape(out.shape)
        return out.astype(mx.float32)

    def _round(self, name: str, weight: mx.array, inputs: mx.array) -> PackedWeight:
        """Hand the rounded weight over, and return it."""
        import mlx.core as mx

        if self._last is None or self._last[0] is not inputs:  # projections of one input share
            self._last = inputs, moments_of(inputs, full=self._full)
        choice, moments = self._left.pop(name), self._last[1]
        if name in self._looked_up:
            moments = with_rows(moments)
        packed = self._rounding(weight, choice, moments)
        mx.eval(packed.weight, packed.scales, packed.biases)
        self._sink(name, packed)
        return packed.stored(choice)


def with_rows(moments: Moments) -> Moments:
    """For a head whose rows are looked up as well: there every input counts the same."""
    import mlx.core as mx

    more = ROWS_SHARE * moments.diagonal.mean()
    full = moments.full
    if full is not None:
        full = full + more * mx.eye(full.shape[0])
    return Moments(moments.diagonal + more, full, moments.rows)


def moments_of(inputs: mx.array, *, full: bool) -> Moments:
    """Second moments of ``inputs`` (..., input_dims), evaluated."""
    import mlx.core as mx

    rows = inputs.reshape(-1, inputs.shape[-1]).astype(mx.float32)
    count = rows.shape[0]
    if full and rows.shape[1] <= MOST_FULL_DIMS:
        product = (rows.T @ rows) / count
        moments = Moments(mx.diag(product), product, count)
    else:
        moments = Moments((rows * rows).mean(axis=0), None, count)
    mx.eval(moments.diagonal, *([moments.full] if moments.full is not None else []))
    return moments
