"""Weights that are read from disk for every use and not kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from hubtool.quantize.components import all_components
from hubtool.quantize.loading import load_as_declared
from hubtool.quantize.weights import PlainWeight, StoredWeight

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn

Weight = TypeVar("Weight", bound=StoredWeight)


class Shelf(Generic[Weight]):
    """Weights by component from ``read``, which is called again when one is wanted twice.

    What ``read`` returns must be lazy: only what is taken is read.
    """

    def __init__(self, read: Callable[[], Mapping[str, Weight]]) -> None:
        self._read = read
        self._left: dict[str, Weight] = {}

    def take(self, name: str) -> Weight:
        """The weight of component ``name``; the shelf keeps nothing of it."""
        if name not in self._left:
            self._left = dict(self._read())
        return self._left.pop(name)


@dataclasses.dataclass(frozen=True)
class Shelved:
    """A weight on a shelf, for a running model."""

    shelf: Shelf[StoredWeight] | Shelf[PlainWeight]
    name: str

    def fetched(self) -> StoredWeight:
        return self.shelf.take(self.name)

    def cut(self, start: int, stop: int) -> StoredWeight:
        return self.fetched().cut(start, stop)

    def full(self) -> mx.array:
        return self.fetched().full()

    def expanded(self) -> mx.array:
        return self.fetched().expanded()

    def rows(self, look_up: Callable[[mx.array], mx.array]) -> mx.array:
        return self.fetched().rows(look_up)


def checkpoint_shelf(folder: Path, *, trust_remote_code: bool) -> Shelf[PlainWeight]:
    """The components of a folder, in the type that its config declares."""
    return Shelf(
        lambda: plain_weights(load_as_declared(folder, trust_remote_code=trust_remote_code))
    )


def plain_weights(model: nn.Module) -> dict[str, PlainWeight]:
    """Every component's weight as ``model`` has it."""
    return {one.name: PlainWeight(one.module.weight) for one in all_components(model)}
