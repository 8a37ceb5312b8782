"""Rounding with searched scales and biases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubtool.quantize.choice import Choice
from hubtool.quantize.rounding.blocks_of_rows import for_blocks
from hubtool.quantize.rounding.grid import Grid, GridSearch, nearest_levels
from hubtool.quantize.rounding.interface import Moments, Packed
from hubtool.quantize.rounding.stored import by_columns, dtype_name, packed_from

if TYPE_CHECKING:
    import mlx.core as mx
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

BLOCK_ELEMENTS = 1 << 18  # weights searched at once: their temporaries stay in the cache
# Inputs that the calibration never drove would otherwise count for nothing.
LEAST_IMPORTANCE = 1e-3  # of the mean


def round_by_search(weight: mx.array, choice: Choice, moments: Moments | None) -> Packed:
    """Scales and biases by :class:`GridSearch`, each weight to its nearest level.

    An error in input i counts by the mean of x_i^2: the expected square of the
    change of an output, were the inputs uncorrelated.
    """
    import numpy as np

    inputs = weight.shape[-1]
    rows = weight.reshape(-1, inputs)
    importance = importance_of(moments, inputs)
    groups = inputs // choice.group_size
    integers = np.empty((inputs, rows.shape[0]), np.uint8)
    scales = np.empty((groups, rows.shape[0]), np.float32)
    biases = np.empty_like(scales)

    def work(part: slice, block: Floats) -> None:
        levels, grid = _searched(block, importance, choice, dtype_name(weight))
        integers[:, part] = levels.reshape(block.shape)
        scales[:, part], biases[:, part] = grid.scales, grid.biases

    for_blocks(rows, BLOCK_ELEMENTS, work)
    return packed_from(integers, scales, biases, choice, weight)


def searched_errors(weight: mx.array, choice: Choice, importance: Floats) -> Floats:
    """What :func:`round_by_search` stores minus ``weight``, float32 of shape (inputs, rows).

    ``importance`` is that of inputs, or (inputs, rows) where it differs from row to row.
    """
    block = by_columns(weight)
    levels, grid = _searched(block, importance, choice, dtype_name(weight))
    levels *= grid.scales[:, None]
    levels += grid.biases[:, None]
    errors: Floats = levels.reshape(block.shape) - block
    return errors


def _searched(block: Floats, importance: Floats, choice: Choice, dtype: str) -> tuple[Floats, Grid]:
    """Levels, float32 of shape (groups, group size, rows), and the grid they are on."""
    import numpy as np

    grid = GridSearch(block, importance, choice, dtype).run()
    levels = nearest_levels(
        block.reshape(-1, choice.group_size, block.shape[-1]),
        grid.scales[:, None],
        grid.biases[:, None],
        np.float32(2**choice.bits - 1),
    )
    return levels, grid


def importance_of(moments: Moments | None, inputs: int) -> Floats:
    """How much an error in each input counts, float32 of shape (inputs,), around 1."""
    import numpy as np

    if moments is None:
        return np.ones(inputs, np.float32)
    diagonal = np.array(moments.diagonal, np.float64)
    mean = diagonal.mean()
    if not mean > 0:
        return np.ones(inputs, np.float32)
    importance: Floats = np.maximum(diagonal / mean, LEAST_IMPORTANCE).astype(np.float32)
    return importance
