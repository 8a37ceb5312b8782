"""Rounding with error compensation: what one weight loses, the later ones of its row make up for.

With inputs x the outputs change by dW x, in the mean square by dW H dW^T,
H = E[x x^T]. Columns are rounded one after another; the error of each is spread
over those not yet rounded so that the mean square stays least
[Frantar et al. 2022, GPTQ; after Hassibi and Stork 1993, optimal brain surgeon].
The spread needs the inverse of H only through its Cholesky factor
H^-1 = U^T U, U upper triangular: dW[k+1:] = -(dw_k / U_kk) U[k, k+1:].

A group's scale and bias are searched (``grid.py``) when its turn comes, on
weights that make up for what the groups before it lost. Afterwards each group
is fitted once more to all others (``refine.py``). Columns keep their order, and
so does the file's format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubtool.quantize.choice import Choice
from hubtool.quantize.rounding.blocks_of_rows import for_blocks
from hubtool.quantize.rounding.grid import GridSearch
from hubtool.quantize.rounding.interface import Moments, Packed
from hubtool.quantize.rounding.refine import Rounded, refine
from hubtool.quantize.rounding.search import importance_of, round_by_search
from hubtool.quantize.rounding.stored import dtype_name, packed_from

if TYPE_CHECKING:
    import mlx.core as mx
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

DAMPING = 0.01  # of the mean diagonal, added to the diagonal
# Moments of n tokens hold noise in proportion to dims / n off the diagonal, which compensation
# would take for structure. On held-out text this much shrinkage did best of those tried.
SHRINKAGE = 2.0
BLOCK_ELEMENTS = 1 << 19


def round_with_compensation(weight: mx.array, choice: Choice, moments: Moments | None) -> Packed:
    """Each column to the levels of its group, its error spread over the columns that follow.

    Without full ``moments`` there is nothing to spread by: as ``search``.
    """
    import numpy as np

    if moments is None or moments.full is None:
        return round_by_search(weight, choice, moments)
    inputs = weight.shape[-1]
    rows = weight.reshape(-1, inputs)
    hessian = steadied(np.array(moments.full, np.float64), moments.rows)
    spread = spreading_factor(hessian)
    importance = importance_of(moments, inputs)
    single = hessian.astype(np.float32)
    integers = np.empty((inputs, rows.shape[0]), np.uint8)
    scales = np.empty((inputs // choice.group_size, rows.shape[0]), np.float32)
    biases = np.empty_like(scales)

    def work(part: slice, block: Floats) -> None:
        rounded = _compensate(block, importance, spread, choice, dtype_name(weight))
        refine(rounded, block, single, choice, dtype_name(weight))
        integers[:, part] = rounded.levels
        scales[:, part], biases[:, part] = rounded.scales, rounded.biases

    for_blocks(rows, BLOCK_ELEMENTS, work)
    return packed_from(integers, scales, biases, choice, weight)


def steadied(hessian: np.ndarray[Any, Any], tokens: int) -> np.ndarray[Any, Any]:
    """``hessian`` (of ``tokens`` inputs) shrunk towards its diagonal and damped: never singular."""
    import numpy as np

    dims = len(hessian)
    noise = SHRINKAGE * dims / (SHRINKAGE * dims + tokens)
    diagonal = np.diagonal(hessian).copy()
    diagonal[diagonal == 0] = diagonal.mean() or 1  # an input that is always zero
    steady = (1 - noise) * hessian
    np.einsum("ii->i", steady)[:] = diagonal + DAMPING * diagonal.mean()
    return steady


def spreading_factor(hessian: np.ndarray[Any, Any]) -> Floats:
    """U of H^-1 = U^T U, float32, rows divided by their diagonal.

    With R upper triangular and H = R R^T, U = R^-1; R comes from the Cholesky
    factor of H with rows and columns reversed, so H^-1 itself is never made.
    """
    import numpy as np

    lower = np.linalg.cholesky(hessian[::-1, ::-1])
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
    original: Floats, importance: Floats, spread: Floats, choice: Choice, dtype: str
) -> Rounded:
    """``original`` (inputs, rows) rounded group by group, column by column."""
    import numpy as np

    weights = original.copy()  # those not yet rounded carry the errors of the others
    out = Rounded.empty(len(weights), weights.shape[1], choice)
    for number in range(len(out.scales)):
        group = slice(number * choice.group_size, (number + 1) * choice.group_size)
        grid = GridSearch(weights[group], importance[group], choice, dtype).run()
        out.scales[number], out.biases[number] = grid.scales[0], grid.biases[0]
        errors = np.empty_like(weights[group])
        for place, column in enumerate(range(group.start, group.stop)):
            out.set_nearest(column, weights[column], number)
            np.subtract(weights[column], out.value(column, number), out=errors[place])
            following = slice(column + 1, group.stop)
            weights[following] -= spread[column, following, None] * errors[place]
        weights[group.stop :] -= spread[group, group.stop :].T @ errors
    return out
