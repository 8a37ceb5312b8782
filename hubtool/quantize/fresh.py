"""Weights that are read from disk for every use and not kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.artifact.layout import read_json_object
from hubtool.quantize.loading import cast_as_declared, load_lazily

if TYPE_CHECKING:
    import mlx.core as mx


class FreshWeights:
    """Components' weights from a checkpoint, each read anew when it is asked for."""

    def __init__(self, folder: Path, trust_remote_code: bool) -> None:
        self._folder, self._trust = folder, trust_remote_code
        self._modules: dict[str, Any] = {}

    def take(self, name: str) -> mx.array:
        """The weight of component ``name``, in the type that the config declares."""
        import mlx.nn as nn
        from mlx.utils import tree_flatten

        if name not in self._modules:  # the first time, or asked for twice
            model = load_lazily(self._folder, trust_remote_code=self._trust)
            cast_as_declared(model, read_json_object(self._folder / "config.json"))
            self._modules = dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))
        weight: mx.array = self._modules.pop(name).weight
        return weight


@dataclasses.dataclass(frozen=True)
class FreshWeight:
    """One of them, for a running model."""

    source: FreshWeights
    name: str

    def full(self) -> mx.array:
        import mlx.core as mx

        return self.source.take(self.name).astype(mx.float32)

    def rows(self, look_up: Callable[[mx.array], mx.array]) -> mx.array:
        import mlx.core as mx

        return look_up(self.source.take(self.name)).astype(mx.float32)
