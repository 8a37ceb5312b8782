"""What a way of rounding weights must offer, and what it is given."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, Protocol

from hubtool.quantize.choice import Choice
from hubtool.quantize.weights import PackedWeight

if TYPE_CHECKING:
    import mlx.core as mx

RoundingName = Literal["nearest", "search", "gptq"]
ROUNDINGS: tuple[RoundingName, ...] = ("nearest", "search", "gptq")
DEFAULT_ROUNDING: RoundingName = "search"
FULL_MOMENTS: tuple[RoundingName, ...] = ("gptq",)  # the others look at the diagonal
DIAGONAL_TOKENS = 128


@dataclasses.dataclass(frozen=True)
class Moments:
    """Second moments of what a component multiplies, over the calibration tokens.

    ``diagonal[i]`` is the mean of x_i^2, float32 of shape (input_dims,).
    ``full`` is the mean of x x^T, float32 of shape (input_dims, input_dims), or
    None where only the diagonal was kept. ``rows`` inputs were averaged.
    """

    diagonal: mx.array
    full: mx.array | None
    rows: int


@dataclasses.dataclass(frozen=True)
class Packed:
    """A rounded weight as mlx's affine QuantizedLinear holds it.

    ``weight`` is uint32 of shape (..., output_dims, input_dims x bits / 32);
    ``scales`` and ``biases`` have the type of the weight that was rounded and
    shape (..., output_dims, input_dims / group_size). w is about scale x q + bias.
    """

    weight: mx.array
    scales: mx.array
    biases: mx.array

    def stored(self, choice: Choice) -> PackedWeight:
        """The same as a weight to compute from."""
        return PackedWeight(self.weight, self.scales, self.biases, choice.group_size, choice.bits)

    def full(self, choice: Choice) -> mx.array:
        """What is stored, in float32 arithmetic."""
        return self.stored(choice).full()


class Rounding(Protocol):
    """Rounds one component's weight. Equal input gives equal bytes on one machine."""

    def __call__(self, weight: mx.array, choice: Choice, moments: Moments | None) -> Packed:
        """``weight`` of shape (..., output_dims, input_dims), in the type that it is stored in.

        ``choice`` is quantized and fits input_dims. Without ``moments`` every
        input counts the same.
        """


def rounding_of(name: RoundingName) -> Rounding:
    """The way of rounding called ``name``. What it needs is imported now."""
    from hubtool.quantize.rounding.gptq import round_with_compensation
    from hubtool.quantize.rounding.nearest import round_to_nearest
    from hubtool.quantize.rounding.search import round_by_search

    known: dict[str, Rounding] = {
        "nearest": round_to_nearest,
        "search": round_by_search,
        "gptq": round_with_compensation,
    }
    return known[name]
