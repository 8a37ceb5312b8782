"""Inputs of components and gradients at their outputs, a block at a time.

A forward pass keeps only what enters each block. From the last block to the
first, the block is computed again and differentiated, so one block's
activations are alive at a time, whatever the depth of the model. Models whose
blocks hand each other more than one array are differentiated as a whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubtool.quantize.batches import Batch, Group
from hubtool.quantize.running import RunningModel, Tape, Use

if TYPE_CHECKING:
    import mlx.core as mx

Watched = tuple[Use, list["mx.array"]]  # a use and the gradients at its outputs
# (logits of positions, number of the first one) -> the cotangent of these logits
Score = Callable[["mx.array", int], "mx.array"]

# Bytes of one array of logits: several of that size are alive at once.
LOGITS_BYTES = 1 << 27


@dataclasses.dataclass
class _Call:
    """What entered a block, and the block."""

    run: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclasses.dataclass
class _Chain:
    """A batch on its way: the calls of its blocks, the last output, and the gradient so far."""

    batch: Batch
    calls: list[_Call]
    gradient: mx.array


def watch(running: RunningModel, group: Group, score: Score) -> Iterator[list[Watched]]:
    """All uses of components by the windows of ``group``, from the last block to the first.

    A component's uses inside blocks come at once; those of a tied embedding
    come in two portions. Arrays are evaluated. Padding has gradients of zero.
    """
    chains = [_forward(running, batch) for batch in group]
    if any(chain is None for chain in chains):
        del chains
        for batch in group:
            yield _watch_whole(running, batch, score)
        return
    known = [chain for chain in chains if chain is not None]
    if not known:
        return
    yield [one for chain in known for one in _watch_tail(running, chain, score)]
    for number in reversed(range(len(known[0].calls))):
        yield [one for chain in known for one in _watch_block(running, chain, number)]
    yield [one for chain in known for one in _watch_start(running, chain)]


def _forward(running: RunningModel, batch: Batch) -> _Chain | None:
    """The blocks' inputs; None if they are no chain of single arrays."""
    import mlx.core as mx

    calls: list[_Call] = []
    before: list[Any] = []

    def keep(_number: int, run: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        linked = not before or (args and args[0] is before[-1])
        others = _floating([*args[1:], *kwargs.values()])
        out = run(*args, **kwargs)
        if not linked or others or not isinstance(out, mx.array):
            raise _NoChain
        mx.eval(out)
        calls.append(_Call(run, args, kwargs))
        before.append(out)
        return out

    tape = Tape()
    running.forward(batch.ids(), tape)  # builds the graph only
    total = max((use.block for use in tape.uses), default=0)
    try:
        running.forward(batch.ids(), hook=keep)
    except _NoChain:
        return None
    between = any(0 < use.block < total and not use.inside for use in tape.uses)
    if not calls or between:
        return None
    return _Chain(batch, calls, before[-1])


class _NoChain(Exception):
    pass


def _floating(values: Sequence[Any]) -> bool:
    """Whether an array that gradients could pass is among ``values``, however nested."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    leaves = [leaf for _, leaf in tree_flatten(list(values))]
    arrays = [leaf for leaf in leaves if isinstance(leaf, mx.array)]
    return any(mx.issubdtype(array.dtype, mx.floating) for array in arrays)


def _watch_tail(running: RunningModel, chain: _Chain, score: Score) -> list[Watched]:
    """What follows the last block, in chunks of positions; leaves the gradient before it."""
    import mlx.core as mx

    hidden = chain.gradient
    width = hidden.shape[-1]
    flat = hidden.reshape(-1, width)
    rows = chain.batch.rows()
    positions = flat[rows]
    last = len(chain.calls) - 1
    watched: list[Watched] = []
    gradients: list[mx.array] = []
    chunk = 1

    def tail(array: mx.array, tape: Tape | None = None) -> mx.array:
        def hook(number: int, _run: Any, args: tuple[Any, ...], _kwargs: Any) -> Any:
            return array if number == last else args[0]

        return running.forward(mx.zeros((1, 1), dtype=mx.int32), tape, hook)[0]

    chunk = max(1, LOGITS_BYTES // (4 * tail(positions[None, :1]).shape[-1]))
    for start in range(0, positions.shape[0], chunk):
        part = positions[None, start : start + chunk]
        cotangent = score(tail(part), chain.batch.first + start)
        found, gradient = _differentiate(
            lambda array, tape: tail(array, tape),
            part,
            cotangent,
            after=last + 1,
        )
        watched += found
        gradients.append(gradient[0])
    back = mx.concatenate(gradients) if len(gradients) > 1 else gradients[0]
    if rows.size != flat.shape[0]:
        padded = mx.zeros_like(flat)
        padded[rows] = back
        back = padded
    chain.gradient = back.reshape(hidden.shape)
    mx.eval(chain.gradient)
    return watched


def _watch_block(running: RunningModel, chain: _Chain, number: int) -> list[Watched]:
    call = chain.calls.pop()

    def block(array: mx.array, tape: Tape) -> mx.array:
        out: mx.array = running.taped(tape, lambda: call.run(array, *call.args[1:], **call.kwargs))
        return out

    watched, chain.gradient = _differentiate(block, call.args[0], chain.gradient)
    for use, _ in watched:
        use.inside = True
    return watched


def _watch_start(running: RunningModel, chain: _Chain) -> list[Watched]:
    """What comes before the first block: lookups, mostly."""

    def start(_array: Any, tape: Tape) -> mx.array:
        entered: list[mx.array] = []

        def hook(_number: int, _run: Any, args: tuple[Any, ...], _kwargs: Any) -> Any:
            entered.append(args[0])
            return args[0]

        running.forward(chain.batch.ids(), tape, hook)
        return entered[0]

    return _differentiate(start, None, chain.gradient, before=1)[0]


def _differentiate(
    call: Callable[[Any, Tape], mx.array],
    array: mx.array | None,
    cotangent: mx.array,
    *,
    after: int = 0,
    before: int | None = None,
) -> tuple[list[Watched], Any]:
    """Uses within ``call`` with the gradients there, and the gradient at ``array``.

    Uses after fewer than ``after`` or not fewer than ``before`` blocks are stand-ins.
    """
    import mlx.core as mx

    shapes = Tape()
    call(array, shapes)  # builds the graph only
    zero = mx.zeros(())
    probes = [mx.broadcast_to(zero, shape) for use in shapes.uses for shape in use.shapes]
    tape = Tape()

    def probed(inputs: list[mx.array]) -> mx.array:
        nonlocal tape
        given = inputs[1:] if array is not None else inputs
        tape = Tape(given)
        return call(inputs[0] if array is not None else None, tape)

    inputs = [array, *probes] if array is not None else probes
    if not inputs:
        return [], None
    _, gradients = mx.vjp(lambda *values: probed(list(values)), inputs, [cotangent])
    first = gradients.pop(0) if array is not None else None
    taken = iter(gradients)
    watched = [(use, [next(taken) for _ in use.shapes]) for use in tape.uses]
    watched = [
        one
        for one in watched
        if one[0].block >= after and (before is None or one[0].block < before)
    ]
    mx.eval(first, [gradients for _, gradients in watched], [use.args for use, _ in watched])
    return watched, first


def _watch_whole(running: RunningModel, batch: Batch, score: Score) -> list[Watched]:
    """All uses from one graph of the whole model."""
    import mlx.core as mx

    logits = running.forward(batch.ids())
    flat = logits.reshape(-1, logits.shape[-1])
    rows = batch.rows()
    cotangent = mx.zeros_like(flat)
    cotangent[rows] = score(flat[rows], batch.first)
    return _differentiate(
        lambda _array, tape: running.forward(batch.ids(), tape),
        None,
        cotangent.reshape(logits.shape),
    )[0]
