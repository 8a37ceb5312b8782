"""Rounding as mlx-lm's own converter does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubtool.quantize.choice import Choice
from hubtool.quantize.rounding.interface import Moments, Packed

if TYPE_CHECKING:
    import mlx.core as mx


def round_to_nearest(weight: mx.array, choice: Choice, moments: Moments | None) -> Packed:
    """Each weight to the nearest level between its group's extremes. ``moments`` are not looked at.

    mlx puts the extreme of larger magnitude exactly on a level, and zero as well.
    """
    import mlx.core as mx

    packed, scales, biases = mx.quantize(weight, choice.group_size, choice.bits)
    return Packed(packed, scales, biases)
