"""Weights as they are stored, and as float32 for the arithmetic of measuring."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from hubtool.quantize.arrays import on_cpu
from hubtool.quantize.unpacking import unpacked

if TYPE_CHECKING:
    import mlx.core as mx


class StoredWeight(Protocol):
    """A component's weight at rest. Arrays are built anew for every use: nothing is kept."""

    def fetched(self) -> StoredWeight:
        """The weight with its arrays at hand, for several uses in a row."""

    def cut(self, start: int, stop: int) -> StoredWeight:
        """The rows from ``start`` to before ``stop``, of a weight of two dimensions."""

    def full(self) -> mx.array:
        """The whole weight in float32, unevaluated."""

    def expanded(self) -> mx.array:
        """The same, evaluated: on a CPU it is there sooner and takes less memory meanwhile."""

    def rows(self, look_up: Callable[[mx.array], mx.array]) -> mx.array:
        """What ``look_up`` (a choice of rows) takes from the weight, in float32."""


@dataclasses.dataclass(frozen=True)
class PlainWeight:
    """A weight in its own floating-point type."""

    array: mx.array

    def fetched(self) -> PlainWeight:
        return self

    def cut(self, start: int, stop: int) -> PlainWeight:
        return PlainWeight(self.array[start:stop])

    def full(self) -> mx.array:
        import mlx.core as mx

        return self.array.astype(mx.float32)

    def expanded(self) -> mx.array:
        return _evaluated(self.full())

    def rows(self, look_up: Callable[[mx.array], mx.array]) -> mx.array:
        import mlx.core as mx

        return look_up(self.array).astype(mx.float32)


@dataclasses.dataclass(frozen=True)
class PackedWeight:
    """A weight quantized by ``mx.quantize``; only the affine mode has ``biases``."""

    packed: mx.array
    scales: mx.array
    biases: mx.array | None
    group_size: int
    bits: int
    mode: str = "affine"

    @classmethod
    def of(cls, weight: mx.array, group_size: int, bits: int) -> PackedWeight:
        """``weight`` quantized in its own type, as mlx-lm's converter does it."""
        import mlx.core as mx

        packed, scales, biases = mx.quantize(weight, group_size, bits)
        return cls(packed, scales, biases, group_size, bits)

    @classmethod
    def held_by(cls, module: Any) -> PackedWeight:
        """What one of mlx's quantized modules computes from."""
        biases = module.get("biases")
        return cls(
            module.weight, module.scales, biases, module.group_size, module.bits, module.mode
        )

    def fetched(self) -> PackedWeight:
        return self

    def cut(self, start: int, stop: int) -> PackedWeight:
        biases = None if self.biases is None else self.biases[start:stop]
        return dataclasses.replace(
            self, packed=self.packed[start:stop], scales=self.scales[start:stop], biases=biases
        )

    def full(self) -> mx.array:
        return self.rows(lambda array: array)

    def expanded(self) -> mx.array:
        if self.biases is None or not on_cpu():
            return _evaluated(self.full())
        return unpacked(self.packed, self.scales, self.biases, self.group_size, self.bits)

    def rows(self, look_up: Callable[[mx.array], mx.array]) -> mx.array:
        import mlx.core as mx

        scales = look_up(self.scales)
        if self.biases is None:
            return mx.dequantize(
                look_up(self.packed),
                scales,
                group_size=self.group_size,
                bits=self.bits,
                mode=self.mode,
                dtype=mx.float32,
            )
        # float32 scales: the error of the stored integers, not of a bfloat16 product
        return mx.dequantize(
            look_up(self.packed),
            scales.astype(mx.float32),
            look_up(self.biases).astype(mx.float32),
            self.group_size,
            self.bits,
        )


def rounding_error(weight: mx.array, group_size: int, bits: int) -> mx.array:
    """Q_b(W) - W in float32, for W in the type that it is stored in."""
    import mlx.core as mx

    return PackedWeight.of(weight, group_size, bits).full() - weight.astype(mx.float32)


def _evaluated(array: mx.array) -> mx.array:
    import mlx.core as mx

    mx.eval(array)
    return array
