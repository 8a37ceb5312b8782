"""A model that computes in float32 from stored weights, and whose components can be watched.

The modules stay where they are. Each component's class is swapped for a child
of it whose calls come here first, so the weight can be exchanged for a call
and outputs can be probed in any architecture.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hubtool.quantize.blocks import Blocks, Hook
from hubtool.quantize.components import Component
from hubtool.quantize.products import LARGE_ELEMENTS, multiply_in_parts
from hubtool.quantize.weights import StoredWeight

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn

Original = Callable[..., Any]
_CALLS = ("__call__", "as_linear")  # every way in which mlx(-lm) modules use a weight


@dataclasses.dataclass
class Use:
    """One call of a component within a forward pass: a tied embedding has two a pass.

    ``shapes`` are those of its outputs (more than one for a fused projection);
    ``block`` is how many blocks had been left when it was made, ``inside`` whether
    one was being computed.
    """

    component: Component
    original: Original
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...] = ()
    block: int = 0
    inside: bool = False

    @property
    def multiplies(self) -> bool:
        """Whether activations go in; otherwise rows are looked up by token id."""
        return bool(float_places(self.args))

    def outputs_with(self, weight: mx.array) -> list[mx.array]:
        """The call's outputs with ``weight`` in place and no bias: linear in ``weight``."""
        module = self.component.module
        bias = module.pop("bias", None)
        try:
            return _as_list(call_with(module, weight, self.original, self.args, self.kwargs))
        finally:
            if bias is not None:
                module.bias = bias


class Tape:
    """Records the uses of a pass in order, and adds a probe to each of their outputs."""

    def __init__(self, probes: Sequence[mx.array] = ()) -> None:
        self.uses: list[Use] = []
        self._probes = iter(probes)
        self._probing = bool(probes)

    def tap(self, use: Use, out: Any) -> Any:
        """Note ``use``; its output comes back with the next probes added."""
        outputs = _as_list(out)
        use.shapes = tuple(tuple(array.shape) for array in outputs)
        self.uses.append(use)
        if self._probing:
            outputs = [array + next(self._probes) for array in outputs]
        return type(out)(outputs) if isinstance(out, list | tuple) else outputs[0]


class RunningModel:
    """``model`` with components that compute from ``weights`` in float32.

    ``column_major`` lays weights out for the forward product as the reference
    BLAS likes them: 2.8 times the speed there, no gain with any other.
    """

    def __init__(
        self,
        model: nn.Module,
        components: Sequence[Component],
        weights: Mapping[str, StoredWeight],
        *,
        column_major: bool = False,
    ) -> None:
        self._model = model
        self._weights = dict(weights)
        self._column_major = column_major
        self._tape: Tape | None = None
        self._reversed = False
        self._blocks = Blocks(model)
        _cast_others(model, components)
        for component in components:
            self._intercept(component)

    def logits(self, tokens: Sequence[int], tape: Tape | None = None) -> mx.array:
        """Unevaluated float32 logits of one window, shape (tokens, vocabulary)."""
        import mlx.core as mx

        return self.forward(mx.array([list(tokens)]), tape)[0]

    def forward(
        self, ids: mx.array, tape: Tape | None = None, hook: Hook | None = None
    ) -> mx.array:
        """Unevaluated float32 logits, shape (windows, tokens, vocabulary).

        ``hook`` stands for every block; ``tape`` notes the uses of components.
        """
        import mlx.core as mx

        self._tape = tape
        try:
            with self._blocks.one_pass(hook):
                logits: mx.array = self._model(ids)
            return logits.astype(mx.float32)
        finally:
            self._tape = None

    def taped(self, tape: Tape | None, call: Callable[[], Any]) -> Any:
        """What ``call`` returns, with the uses of components noted in ``tape`` meanwhile."""
        before, self._tape = self._tape, tape
        try:
            return call()
        finally:
            self._tape = before

    @property
    def block_count(self) -> int:
        """How many blocks the model lists; 0 if it lists none."""
        return self._blocks.count

    @contextlib.contextmanager
    def in_other_order(self) -> Iterator[None]:
        """Products add their terms from the last to the first: equal but for rounding."""
        self._reversed = True
        try:
            yield
        finally:
            self._reversed = False

    def differentiable(self, wanted: bool) -> None:
        """Have blocks that know two ways to compute take the one with a gradient, or not."""
        self._model.train(wanted)

    def with_weight(self, name: str, weight: StoredWeight) -> _Exchange:
        """A context in which component ``name`` computes from ``weight``."""
        return _Exchange(self._weights, name, weight)

    def lay_out(self, weight: mx.array) -> mx.array:
        """``weight`` in the memory order that forward products want."""
        import mlx.core as mx

        if not self._column_major:
            return weight
        return mx.contiguous(weight.swapaxes(-1, -2)).swapaxes(-1, -2)

    def _intercept(self, component: Component) -> None:
        module, kind = component.module, type(component.module)
        calls = {}
        for name in _CALLS:
            original = getattr(kind, name, None)
            if original is not None:
                calls[name] = self._interceptor(component, original)
        # around nn.Module's own __setattr__, which takes values for parameters
        object.__setattr__(module, "__class__", type(kind.__name__, (kind,), calls))

    def _interceptor(self, component: Component, original: Original) -> Original:
        def call(_module: Any, *args: Any, **kwargs: Any) -> Any:
            blocks = self._blocks
            use = Use(
                component,
                original,
                args,
                kwargs,
                block=blocks.finished,
                inside=blocks.inside,
            )
            out = self._compute(use)
            return out if self._tape is None else self._tape.tap(use, out)

        return call

    def _compute(self, use: Use) -> Any:
        """The call in float32; the gradient expands the stored weight a second time.

        Autodiff would otherwise keep every float32 weight alive until its turn
        in the backward pass: twice the memory of a bfloat16 model.
        """
        import mlx.core as mx

        module, stored = use.component.module, self._weights[use.component.name]
        if not use.multiplies:
            return stored.rows(
                lambda array: call_with(module, array, use.original, use.args, use.kwargs)
            )
        places = float_places(use.args)

        def run(weight: mx.array, floats: Sequence[mx.array]) -> Any:
            args = list(use.args)
            for place, array in zip(places, floats, strict=True):
                args[place] = array
            if self._reversed and weight.ndim == 2 and args[0].shape[-1] == weight.shape[-1]:
                args[0], weight = args[0][..., ::-1], weight[:, ::-1]
            return call_with(module, weight, use.original, tuple(args), use.kwargs)

        if is_plain(use) and module.weight.size > LARGE_ELEMENTS:
            product = multiply_in_parts(use.args[0], stored, module.weight.shape)
            return product + module.bias if "bias" in module else product

        @mx.custom_function
        def forward(*floats: mx.array) -> Any:
            return run(self.lay_out(stored.full()), floats)

        @forward.vjp
        def backward(primals: Any, cotangents: Any, _outputs: Any) -> Any:
            single = not isinstance(primals, list | tuple)
            inputs = [primals] if single else list(primals)
            _, gradients = mx.vjp(
                lambda *floats: _as_list(run(stored.full(), floats)),
                inputs,
                _as_list(cotangents),
            )
            return gradients[0] if single else tuple(gradients)

        return forward(*(use.args[place] for place in places))


def is_plain(use: Use) -> bool:
    """Whether the call is x W^T with nothing but a bias to it."""
    import mlx.nn as nn

    weight = use.component.module.weight
    products = nn.Linear.__call__, nn.Embedding.as_linear
    return use.original in products and bool(use.args[0].shape[-1] == weight.shape[-1])


class _Exchange:
    """Puts a weight in the place of another, and back."""

    def __init__(self, weights: dict[str, StoredWeight], name: str, weight: StoredWeight) -> None:
        self._weights, self._name, self._weight = weights, name, weight

    def __enter__(self) -> None:
        self._before = self._weights[self._name]
        self._weights[self._name] = self._weight

    def __exit__(self, *_: object) -> None:
        self._weights[self._name] = self._before


def call_with(
    module: Any, weight: mx.array, original: Original, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """``original`` on ``module`` as if ``weight`` were its weight. Builds the graph only."""
    before = module.weight
    module.weight = weight
    try:
        return original(module, *args, **kwargs)
    finally:
        module.weight = before


def _cast_others(model: nn.Module, components: Sequence[Component]) -> None:
    """Everything that is no component (norms, routers' biases) to float32."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx.utils import tree_flatten, tree_unflatten

    weights = {f"{component.name}.weight" for component in components}
    others = [
        (name, array.astype(mx.float32))
        for name, array in tree_flatten(model.parameters())
        if name not in weights and mx.issubdtype(array.dtype, mx.floating)
    ]
    nn.Module.update(model, tree_unflatten(others))


def float_places(args: tuple[Any, ...]) -> list[int]:
    import mlx.core as mx

    return [
        place
        for place, value in enumerate(args)
        if isinstance(value, mx.array) and mx.issubdtype(value.dtype, mx.floating)
    ]


def _as_list(out: Any) -> list[mx.array]:
    return list(out) if isinstance(out, list | tuple) else [out]
