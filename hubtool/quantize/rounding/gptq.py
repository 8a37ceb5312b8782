"""Rounding with error compensation: what one weight loses, the later ones of its row make up for.

With inputs x the outputs change by dW x, in the mean square by dW H dW^T,
H = E[x x^T]. Columns are rounded one after another; the error of each is spread
over those not yet rounded so that the mean square stays least
[Frantar et al. 2022, GPTQ; after Hassibi and Stork 1993, optimal brain surgeon].
The spread needs the inverse of H only through its Cholesky factor
H^-1 = U^T U, U upper triangular: dW[k+1:] = -(dw_k / U_kk) U[k, k+1:].

Columns with the largest inputs go first, while many are left to make up for
them. The groups stay where they are in the row, so the file's format does too:
each group's scale and bias are searched before (``grid.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubtool.quantize.choice import Choice
from hubtool.quantize.rounding.grid import Grid, GridSearch
from hubtool.quantize.rounding.interface import Moments, Packed
from hubtool.quantize.rounding.search import importance_of, round_by_search
from hubtool.quantize.rounding.stored import by_columns, dtype_name, packed_from

if TYPE_CHECKING:
    import mlx.core as mx
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

DAMPING = (
    0.01  # of the mean diagonal, added to the diagonal: H is of few tokens and may be singular
)
BLOCK_COLUMNS = 64  # errors are carried to the columns beyond these in one product
BLOCK_ELEMENTS = 1 << 20


def round_with_compensation(weight: mx.array, choice: Choice, moments: Moments | None) -> Packed:
    """Each column to the levels of its group, its error spread over the columns that follow.

    Without full ``moments`` there is nothing to spread by: as ``search``.
    """
    import numpy as np

    if moments is None or moments.full is None:
        return round_by_search(weight, choice, moments)
    inputs = weight.shape[-1]
    rows = weight.reshape(-1, inputs)
    hessian = np.array(moments.full, np.float64)
    order = np.argsort(-np.diagonal(hessian), kind="stable")
    spread = spreading_factor(hessian[np.ix_(order, order)])
    importance = importance_of(moments, inputs)
    integers = np.empty((inputs, rows.shape[0]), np.uint8)
    scales = np.empty((inputs // choice.group_size, rows.shape[0]), np.float32)
    biases = np.empty_like(scales)
    height = max(64, BLOCK_ELEMENTS // inputs)
    for start in range(0, rows.shape[0], height):
        part = slice(start, start + height)
        block = by_columns(rows[part])
        grid = GridSearch(block, importance, choice, dtype_name(weight)).run()
        scales[:, part], biases[:, part] = grid.scales, grid.biases
        integers[order, part] = _compensate(block[order], order, spread, grid, choice)
    return packed_from(integers, scales, biases, choice, weight)


def spreading_factor(hessian: np.ndarray[Any, Any]) -> Floats:
    """U of H^-1 = U^T U for the damped ``hessian``, float32, rows divided by their diagonal.

    With R upper triangular and H = R R^T, U = R^-1; R comes from the Cholesky
    factor of H with rows and columns reversed, so H^-1 itself is never made.
    """
    import numpy as np

    damped = hessian.copy()
    diagonal = np.einsum("ii->i", damped)
    diagonal[diagonal == 0] = 1  # an input that is always zero: its weights are free
    diagonal += DAMPING * diagonal.mean()
    lower = np.linalg.cholesky(damped[::-1, ::-1])
    upper = _inverse_of_lower(lower)[::-1, ::-1]
    return np.ascontiguousarray(upper / np.einsum("ii->i", upper)[:, None], np.float32)


def _inverse_of_lower(lower: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The inverse of a lower triangular matrix, by halves: products do the work."""
    import numpy as np

    size = len(lower)
    if size <= 64:
        return np.tril(np.linalg.inv(lower))
    half = size // 2
    first, last = _inverse_of_lower(lower[:half, :half]), _inverse_of_lower(lower[half:, half:])
    inverse = np.zeros_like(lower)
    inverse[:half, :half], inverse[half:, half:] = first, last
    inverse[half:, :half] = -last @ (lower[half:, :half] @ first)
    return inverse


def _compensate(
    weights: Floats, order: Any, spread: Floats, grid: Grid, choice: Choice
) -> np.ndarray[Any, Any]:
    """Levels (0..n) of ``weights``, (inputs, rows) in ``order``. Overwrites ``weights``."""
    import numpy as np

    top = np.float32(2**choice.bits - 1)
    levels = np.empty_like(weights)
    inverse_scales = 1 / grid.scales
    for start in range(0, len(weights), BLOCK_COLUMNS):
        stop = min(start + BLOCK_COLUMNS, len(weights))
        errors = np.empty_like(weights[start:stop])
        for column in range(start, stop):
            group = order[column] // choice.group_size
            level = levels[column]
            np.subtract(weights[column], grid.biases[group], out=level)
            level *= inverse_scales[group]
            np.rint(level, out=level)
            np.clip(level, 0, top, out=level)
            error = errors[column - start]
            np.multiply(level, grid.scales[group], out=error)
            error += grid.biases[group]
            np.subtract(weights[column], error, out=error)
            following = slice(column + 1, stop)
            weights[following] -= spread[column, following, None] * error
        if stop < len(weights):
            weights[stop:] -= spread[start:stop, stop:].T @ errors
    return levels
