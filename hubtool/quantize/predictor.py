"""Models to compare, each computing in float32 from what is stored: a base, a quant, a rounding.

Held in memory where they fit. Else *streamed*: a component's weight is read
from disk when a forward pass needs it and let go after, which costs a reading
of the file for each batch and no more memory than the largest component.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.errors import StatsDisagree
from hubtool.quantize.at_once import compute_at_once
from hubtool.quantize.blas import needs_column_major, prefer_fast_blas
from hubtool.quantize.choice import Choice
from hubtool.quantize.components import all_components, modules_of
from hubtool.quantize.loading import load_as_declared, load_lazily
from hubtool.quantize.running import RunningModel, Use, float_places
from hubtool.quantize.shelf import Shelf, Shelved, plain_weights
from hubtool.quantize.weights import PackedWeight, PlainWeight, StoredWeight

if TYPE_CHECKING:
    import mlx.nn as nn

Weights = Mapping[str, StoredWeight]


@dataclasses.dataclass(frozen=True)
class Opening:
    """How models are opened: held or streamed, with or without the base's own code."""

    streamed: bool = False
    trust_remote_code: bool = False

    def base(self, folder: Path) -> RunningModel:
        """The model of ``folder`` as it is."""
        return self._run(self._load(folder), lambda: plain_weights(self._load(folder)))

    def quant(self, base_folder: Path, folder: Path) -> RunningModel:
        """A quant of any kind that mlx-lm loads, computed through the base's float modules.

        The quantized modules' own kernels run at 2 GFLOP/s on a CPU; expanding
        the weights and multiplying is exact to float32 and as fast as the BLAS.
        Raises StatsDisagree if the two are not of one architecture.
        """
        from mlx.utils import tree_flatten, tree_unflatten

        skeleton, quant = self._load(base_folder), self._load(folder)
        names = [one.name for one in all_components(skeleton)]
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
                name: _rounded(one, choices.get(name)) for name, one in plain_weights(model).items()
            }

        return self._run(self.cast(base_folder), weights)

    def cast(self, base_folder: Path) -> nn.Module:
        """The model as mlx-lm's converter rounds it: floats in the type that its config names."""
        prefer_fast_blas()
        return load_as_declared(base_folder, trust_remote_code=self.trust_remote_code)

    def _load(self, folder: Path) -> nn.Module:
        prefer_fast_blas()
        return load_lazily(folder, trust_remote_code=self.trust_remote_code)

    def _run(self, skeleton: nn.Module, read: Callable[[], Weights]) -> RunningModel:
        import mlx.core as mx

        components = all_components(skeleton)
        if self.streamed:
            shelf = Shelf(read)
            weights: Weights = {one.name: Shelved(shelf, one.name) for one in components}
        else:
            weights = read()
        for one in components:
            # stays unevaluated: code that reads the weight's shape finds it, and the
            # skeleton's own copy is let go
            one.module.weight = mx.zeros(one.module.weight.shape)
        return _InTurn(skeleton, components, weights, column_major=needs_column_major())


class _InTurn(RunningModel):
    """Computes each component at once, from its weight expanded for it, and has no gradient."""

    def _compute(self, use: Use) -> Any:
        import mlx.core as mx

        mx.eval([use.args[place] for place in float_places(use.args)])
        if use.multiplies:
            out = compute_at_once(use, self._weights[use.component.name], self.lay_out)
        else:
            out = super()._compute(use)
            mx.eval(out)
        mx.clear_cache()
        return out


def _rounded(weight: PlainWeight, choice: Choice | None) -> StoredWeight:
    if choice is None:
        return weight
    return PackedWeight.of(weight.array, choice.group_size, choice.bits)


def _stored(quant: nn.Module, names: list[str], folder: Path) -> Weights:
    """The weights of the named modules of a quant, packed or plain as they are stored."""
    found = modules_of(quant)
    weights: dict[str, StoredWeight] = {}
    for name in names:
        module = found.get(name)
        if module is None:
            raise StatsDisagree(
                f"{folder} has no module {name}, its base has",
                "compare a quant with the base it was made from",
            )
        weights[name] = (
            PackedWeight.held_by(module) if "scales" in module else PlainWeight(module.weight)
        )
    return weights
