"""Models to compare, each computing in float32 from what is stored: a base, a quant, a rounding.

Held in memory where they fit. Else *streamed*: a component's weight is read
from disk when a forward pass needs it and let go after, which costs a reading
of the file for each window and no more memory than the largest component.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.artifact.layout import read_json_object
from hubtool.errors import StatsDisagree
from hubtool.quantize.blas import needs_column_major, prefer_fast_blas
from hubtool.quantize.choice import Choice
from hubtool.quantize.components import Component
from hubtool.quantize.loading import cast_as_declared, load_lazily
from hubtool.quantize.running import RunningModel, Use, float_places
from hubtool.quantize.weights import PackedWeight, PlainWeight, StoredWeight

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn

Weights = Mapping[str, StoredWeight]


@dataclasses.dataclass(frozen=True)
class Opening:
    """How models are opened: held or streamed, with or without the base's own code."""

    streamed: bool = False
    trust_remote_code: bool = False

    def base(self, folder: Path) -> RunningModel:
        """The model of ``folder`` as it is."""
        return self._run(self._load(folder), lambda: _plain(self._load(folder)))

    def quant(self, base_folder: Path, folder: Path) -> RunningModel:
        """A quant of any kind that mlx-lm loads, computed through the base's float modules.

        The quantized modules' own kernels run at 2 GFLOP/s on a CPU; expanding
        the weights and multiplying is exact to float32 and as fast as the BLAS.
        Raises StatsDisagree if the two are not of one architecture.
        """
        from mlx.utils import tree_flatten, tree_unflatten

        skeleton, quant = self._load(base_folder), self._load(folder)
        names = [one.name for one in _weighted(skeleton)]
        _stored(quant, names, folder)  # refuses another architecture
        others = [
            (path, array)
            for path, array in tree_flatten(quant.parameters())
            if path.rpartition(".")[0] not in names or path.endswith(".bias")
        ]
        del quant
        skeleton.update(tree_unflatten(others))
        return self._run(skeleton, lambda: _stored(self._load(folder), names, folder))

    def rounded(self, base_folder: Path, choices: Mapping[str, Choice]) -> RunningModel:
        """The base with each named component rounded to nearest, as mlx-lm's converter does it.

        Nothing is written.
        """

        def weights() -> Weights:
            model = self.cast(base_folder)
            return {
                name: _rounded(one.array, choices.get(name)) for name, one in _plain(model).items()
            }

        return self._run(self.cast(base_folder), weights)

    def cast(self, base_folder: Path) -> nn.Module:
        """The model as mlx-lm's converter rounds it: floats in the type that its config names."""
        model = self._load(base_folder)
        cast_as_declared(model, read_json_object(base_folder / "config.json"))
        return model

    def _load(self, folder: Path) -> nn.Module:
        prefer_fast_blas()
        return load_lazily(folder, trust_remote_code=self.trust_remote_code)

    def _run(self, skeleton: nn.Module, read: Callable[[], Weights]) -> RunningModel:
        components = _weighted(skeleton)
        weights = read()
        if self.streamed:
            shelf = _Shelf(read)
            weights = {one.name: _Shelved(shelf, one.name) for one in components}
        for one in components:
            # stays unevaluated: code that reads the weight's shape finds it, and the
            # skeleton's own copy is let go
            one.module.weight = weights[one.name].full()
        kind = _InTurn if self.streamed else RunningModel
        return kind(skeleton, components, weights, column_major=needs_column_major())


class _InTurn(RunningModel):
    """Computes what goes into a component before its weight is read.

    Left to itself, mlx reads and expands several weights ahead.
    """

    def _compute(self, use: Use) -> Any:
        import mlx.core as mx

        mx.eval([use.args[place] for place in float_places(use.args)])
        mx.clear_cache()
        return super()._compute(use)


class _Shelf:
    """Weights that are read anew for every use. Loading is lazy: only what is taken is read."""

    def __init__(self, read: Callable[[], Weights]) -> None:
        self._read = read
        self._left: dict[str, StoredWeight] = {}

    def take(self, name: str) -> StoredWeight:
        if name not in self._left:
            self._left = dict(self._read())
        return self._left.pop(name)


@dataclasses.dataclass(frozen=True)
class _Shelved:
    """A weight on the shelf."""

    shelf: _Shelf
    name: str

    def full(self) -> mx.array:
        return self.shelf.take(self.name).full()

    def rows(self, look_up: Callable[[mx.array], mx.array]) -> mx.array:
        return self.shelf.take(self.name).rows(look_up)


def _modules(model: nn.Module) -> dict[str, Any]:
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    return dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))


def _weighted(model: nn.Module) -> list[Component]:
    """Every module of a quantizable kind, whatever its shape."""
    return [
        Component(name, module, int(module.weight.size))
        for name, module in _modules(model).items()
        if hasattr(module, "to_quantized")
    ]


def _plain(model: nn.Module) -> dict[str, PlainWeight]:
    return {one.name: PlainWeight(one.module.weight) for one in _weighted(model)}


def _rounded(weight: mx.array, choice: Choice | None) -> StoredWeight:
    if choice is None:
        return PlainWeight(weight)
    return PackedWeight.of(weight, choice.group_size, choice.bits)


def _stored(quant: nn.Module, names: list[str], folder: Path) -> Weights:
    """The weights of the named modules of a quant, packed or plain as they are stored."""
    found = _modules(quant)
    weights: dict[str, StoredWeight] = {}
    for name in names:
        module = found.get(name)
        if module is None:
            raise StatsDisagree(
                f"{folder} has no module {name}, its base has",
                "compare a quant with the base it was made from",
            )
        weights[name] = (
            PackedWeight(
                module.weight,
                module.scales,
                module.get("biases"),
                module.group_size,
                module.bits,
                module.mode,
            )
            if "scales" in module
            else PlainWeight(module.weight)
        )
    return weights
