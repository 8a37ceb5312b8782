"""The quadratic form of a component's rounding errors, for all choices at once.

1/2 sum (g . dW x)^2, where dW is one choice's rounding error, x an input and g
the gradient at the output. What is summed before squaring depends on where the
component is. docs/explanation/measuring.md says why, and what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubtool.quantize.arrays import Array, at_hand, library, on_cpu
from hubtool.quantize.choice import Choice
from hubtool.quantize.errors_of_rounding import rounding_errors
from hubtool.quantize.finite import number_of
from hubtool.quantize.gradients import Watched
from hubtool.quantize.nats import as_numpy
from hubtool.quantize.running import Use

if TYPE_CHECKING:
    import mlx.core as mx

    from hubtool.quantize.nats import Floats

Pair = tuple[Array, Array]

# Positions whose terms are summed before squaring: attention spreads a change over its window.
SEGMENT = 64
# Output channels likewise: about an attention head, within which errors work together.
CHANNELS = 64
# Fewer squares than this and a sum of them is mostly luck: the blocks are made smaller.
FEWEST_TERMS = 128
# Elements of one array of errors that are alive at once: what a processor's cache holds, and
# what keeps a GPU busy.
MOST_ELEMENTS = 1 << 22
MOST_ELEMENTS_ON_GPU = 1 << 25


def segments_of(windows: Sequence[Sequence[int]]) -> int:
    """How many segments the windows of a run have."""
    return sum(-(-len(window) // SEGMENT) for window in windows)


def quadratic(
    watched: Sequence[Watched], weight: mx.array, choices: Sequence[Choice], segments: int
) -> list[float]:
    """KL summed over positions in nats for each of ``choices``, over all uses of one component.

    ``segments`` are those of the whole run, of which ``watched`` may be a part.
    Uses (the two of a tied embedding, a layer called twice) count one by one:
    their rows belong to different positions of the graph.
    """
    import numpy as np

    total = np.zeros(len(choices))
    pairs: dict[bool, list[Pair]] = {True: [], False: []}
    for use, gradients in watched:
        if not use.multiplies:
            total += _looked_up(use, gradients, weight, choices)
        elif weight.ndim == 2 and _is_plain(use, gradients, weight):
            pairs[use.inside].append(_pair(use, gradients))
        elif weight.ndim == 3 and _experts(use) is not None and len(gradients) == 1:
            total += _routed(use, gradients[0], weight, choices)
        else:
            total += _by_calling(use, gradients, weight, choices)
    if pairs[True]:
        total += _segments(pairs[True], weight, choices, segments)
    if pairs[False]:
        total += _positions(pairs[False], weight, choices)
    return [0.5 * float(value) for value in total]


def _is_plain(use: Use, gradients: Sequence[mx.array], weight: mx.array) -> bool:
    """Whether the call is x W^T of one x, its outputs one behind the other."""
    outputs = sum(gradient.shape[-1] for gradient in gradients)
    return use.args[0].shape[-1] == weight.shape[-1] and outputs == weight.shape[-2]


def _pair(use: Use, gradients: Sequence[mx.array]) -> Pair:
    """Inputs and gradients, shapes (windows, positions, columns) and (windows, positions, rows)."""
    x = at_hand(use.args[0])
    parts = [at_hand(gradient) for gradient in gradients]
    g = library().concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
    places = x.shape[-2] if x.ndim > 2 else x.shape[0]
    return x.reshape(-1, places, x.shape[-1]), g.reshape(-1, places, g.shape[-1])


def _segments(
    pairs: Sequence[Pair], weight: mx.array, choices: Sequence[Choice], segments: int
) -> Floats:
    """Terms of one segment of positions and one block of output channels are summed, then squared.

    sum_t g_t . dW x_t = <sum_t g_t x_t^T, dW>: one matrix a segment serves every choice.
    """
    import numpy as np

    cut = [_cut(x, g) for x, g in pairs]
    height = _height(weight.shape[0], segments)
    copies = max(len(choices), max(len(x) for x, _ in cut))
    total = np.zeros(len(choices))
    for start, stop, errors in _blocks(weight, choices, copies):
        by_channel = errors.transpose(1, 2, 0)
        for x, g in cut:
            slopes = g[..., start:stop].swapaxes(-1, -2) @ x
            # a product a channel, then their sums: BLAS is slow where a small matrix has long rows
            sums = as_numpy(_summed(slopes.swapaxes(0, 1) @ by_channel, height))
            total += np.square(sums).sum(axis=(0, 1), dtype=np.float64)
    return total


def _summed(by_channel: Array, height: int) -> Array:
    """Sums of each ``height`` channels, which come first; the last ones may be fewer."""
    channels, *others = by_channel.shape
    if channels % height:
        fill = ((0, -channels % height), *((0, 0) for _ in others))
        by_channel = library().pad(by_channel, fill)
    return by_channel.reshape(-1, height, *others).sum(axis=1)


def _height(rows: int, segments: int) -> int:
    """Output channels of a block."""
    height = CHANNELS
    while height > 1 and segments * rows < FEWEST_TERMS * height:
        height //= 2
    return height


def _cut(x: Array, g: Array) -> Pair:
    """Windows longer than a segment as several of like length; what fills up the last one is zero.

    ``x`` and ``g`` have shapes (windows, positions, columns) and (windows, positions, rows).
    """
    pad, positions = library().pad, x.shape[1]
    count = -(-positions // SEGMENT)
    length = -(-positions // count)
    fill = ((0, 0), (0, count * length - positions), (0, 0))
    return (
        pad(x, fill).reshape(-1, length, x.shape[-1]),
        pad(g, fill).reshape(-1, length, g.shape[-1]),
    )


def _positions(pairs: Sequence[Pair], weight: mx.array, choices: Sequence[Choice]) -> Floats:
    """Errors of different weights and terms of different positions are taken as independent.

    sum_ij dW_ij^2 sum_t g_ti^2 x_tj^2.
    """
    import numpy as np

    square = library().square
    flat = [(square(x).reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])) for x, g in pairs]
    total = np.zeros(len(choices))
    for start, stop, errors in _blocks(weight, choices, len(choices)):
        curvature = sum(square(g[:, start:stop]).T @ x for x, g in flat)
        total += _weighted(errors, curvature)
    return total


def _weighted(errors: Array, curvature: Array) -> Floats:
    """sum of errors^2 x curvature for every choice; may overwrite ``errors``."""
    errors *= errors
    return as_numpy(errors.reshape(len(errors), -1) @ curvature.reshape(-1))


def _looked_up(
    use: Use, gradients: Sequence[mx.array], weight: mx.array, choices: Sequence[Choice]
) -> Floats:
    """Rows of the weight that tokens chose: rounding them is rounding the matrix and choosing."""
    import numpy as np

    (chosen,) = use.outputs_with(weight)
    rows = chosen.reshape(-1, chosen.shape[-1])
    curvature = library().square(at_hand(gradients[0])).reshape(rows.shape)
    total = np.zeros(len(choices))
    for start, stop, errors in _blocks(rows, choices, len(choices)):
        total += _weighted(errors, curvature[start:stop])
    return total


def _experts(use: Use) -> Any:
    """The experts that a fused tensor's call chooses, an array of integers; else None."""
    import mlx.core as mx

    given = [*use.args[1:], *use.kwargs.values()]
    arrays = [one for one in given if isinstance(one, mx.array)]
    return next((one for one in arrays if mx.issubdtype(one.dtype, mx.integer)), None)


def _routed(use: Use, gradient: mx.array, weight: mx.array, choices: Sequence[Choice]) -> Floats:
    """Each expert with the tokens that were routed to it; others do not count."""
    import numpy as np

    xp, experts = library(), np.asarray(_experts(use))
    x = at_hand(use.args[0])
    x = xp.broadcast_to(x, (*experts.shape, *x.shape[-2:])).reshape(1, -1, x.shape[-1])
    g = at_hand(gradient).reshape(1, -1, gradient.shape[-1])
    experts = experts.reshape(-1)
    total = np.zeros(len(choices))
    for expert in np.unique(experts):
        rows = xp.array(np.flatnonzero(experts == expert))
        total += _positions([(x[:, rows], g[:, rows])], weight[int(expert)], choices)
    return total


def _by_calling(
    use: Use, gradients: Sequence[mx.array], weight: mx.array, choices: Sequence[Choice]
) -> Floats:
    """For a kind of module not known here: its own call, with the error for a weight."""
    import mlx.core as mx
    import numpy as np

    sums = []
    for place in range(len(choices)):
        flat = weight.reshape(-1, weight.shape[-1])
        (error,) = rounding_errors(flat, choices[place : place + 1])
        error = mx.array(error).reshape(weight.shape)
        pairs = zip(gradients, use.outputs_with(error), strict=True)
        along = sum(((g * change).sum(axis=-1) for g, change in pairs), mx.zeros(()))
        sums.append(number_of(mx.square(along).sum()))
    return np.array(sums)


def _blocks(
    weight: mx.array, choices: Sequence[Choice], copies: int
) -> Iterator[tuple[int, int, Array]]:
    """Rounding errors of ``weight`` in blocks of rows, each made once: (start, stop, errors).

    ``copies`` arrays of a block's size are what the caller holds besides.
    """
    rows, columns = weight.shape
    most = MOST_ELEMENTS if on_cpu() else MOST_ELEMENTS_ON_GPU
    fitting = most // (columns * copies)
    height = max(CHANNELS, fitting // CHANNELS * CHANNELS)
    for start in range(0, rows, height):
        stop = min(rows, start + height)
        yield start, stop, rounding_errors(weight[start:stop], choices)
