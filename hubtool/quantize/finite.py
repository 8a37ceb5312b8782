"""Numbers that must be finite, and the component to blame where one is not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hubtool.errors import MeasureFailed
from hubtool.quantize.running import Use

if TYPE_CHECKING:
    import mlx.core as mx

REMEDY = "check this tensor in the base's files; fetch them again if damaged"


def number_of(scalar: mx.array) -> float:
    """The value of an array of one real number, computed now."""
    value = scalar.item()
    assert isinstance(value, float)
    return value


def require_finite(sums: Mapping[str, Mapping[str, float]]) -> None:
    """Raise MeasureFailed for the first component with a sum that is no finite number."""
    for name, widths in sums.items():
        for bits, value in widths.items():
            if not math.isfinite(value):
                raise MeasureFailed(
                    f"{name}: its sensitivity at {bits} bit is {value}, a finite number is needed",
                    REMEDY,
                    component=name,
                )


def blame_activations(uses: Sequence[Use]) -> MeasureFailed:
    """The error that names the component after which activations are not finite.

    ``uses`` are of a whole pass, in order.
    """
    import mlx.core as mx

    before = uses[0].component
    for use in uses:
        floats = [
            array
            for array in use.args
            if isinstance(array, mx.array) and mx.issubdtype(array.dtype, mx.floating)
        ]
        if not all(bool(mx.isfinite(array).all().item()) for array in floats):
            break
        before = use.component
    return MeasureFailed(
        f"{before.name}: the activations after it are NaN or infinite",
        REMEDY,
        component=before.name,
    )
