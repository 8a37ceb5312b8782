"""Sensitivities of all components from one backward pass a window.

To second order KL(p || p') = 1/2 d^T F d for a small change d of the logits,
F being the Fisher matrix of the softmax [Amari 1998; Martens 2020, section 9].
F = E[s s^T] over labels y drawn from p itself, s = grad log p(y). So with one
label drawn a position, and g_t the gradient of the summed log-likelihood at a
component's output for input x_t,

    KL(component at width b) ~= 1/2 mean_t (g_t . (Q_b(W) - W) x_t)^2.

Cross terms between input positions are dropped (the K-FAC assumption
[Martens and Grosse 2015]); labels are independent, so terms between predicted
positions vanish in expectation. docs/explanation/measuring.md says how well
it holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubtool.quantize.finite import blame_activations, number_of, require_finite
from hubtool.quantize.method import Step, Subject, Sums
from hubtool.quantize.running import Tape, Use
from hubtool.quantize.weights import rounding_error

if TYPE_CHECKING:
    import mlx.core as mx

# Elements of dW handled at once: bounds the float32 copies of a large
# vocabulary's matrix to a few hundred MB.
MOST_ELEMENTS = 1 << 26
# Tokens whose activations and gradients are held at once.
STEP_TOKENS = 512

Watched = tuple[Use, list["mx.array"]]  # a use and the gradients at its outputs


class FisherMethod:
    """Each step: forward and backward for a few windows, then a quadratic form a component."""

    def steps(self, subject: Subject) -> Sequence[Step]:
        return [
            Step(f"window {numbers[-1] + 1}", sum(len(subject.windows[n]) for n in numbers))
            for numbers in _grouped(subject.windows)
        ]

    def run_step(self, subject: Subject, step: int) -> Sums:
        watched: dict[str, list[Watched]] = {}
        for number in _grouped(subject.windows)[step]:
            for use, gradients in _differentiate(subject, number):
                watched.setdefault(use.component.name, []).append((use, gradients))
        sums: Sums = {}
        for name, weight in subject.source.weights([one.name for one in subject.components]):
            uses = watched.pop(name, [])  # dropped after this turn: inputs and gradients can go
            sums[name] = {
                str(bits): _quadratic(subject, uses, weight, bits)
                for bits in subject.candidate_bits
            }
        require_finite(sums)
        return sums


def _grouped(windows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Numbers of consecutive windows, taken together up to ``STEP_TOKENS`` tokens.

    Rounding the weights costs the same for every step, however few its tokens.
    """
    groups: list[list[int]] = []
    held = 0
    for number, window in enumerate(windows):
        if not groups or held + len(window) > STEP_TOKENS:
            groups.append([])
            held = 0
        groups[-1].append(number)
        held += len(window)
    return groups


def _differentiate(subject: Subject, number: int) -> list[Watched]:
    """Every use of a component in this window, with the gradients at its outputs, evaluated."""
    import mlx.core as mx

    tokens = subject.windows[number]
    key = mx.random.split(mx.random.key(subject.seed), len(subject.windows))[number]
    shapes = Tape()
    subject.running.logits(tokens, shapes)  # builds the graph only; nothing is computed
    tape = Tape()

    def log_likelihood(probes: list[mx.array]) -> mx.array:
        nonlocal tape
        tape = Tape(probes)
        logits = subject.running.logits(tokens, tape)
        labels = mx.random.categorical(mx.stop_gradient(logits), key=key)
        chosen = mx.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]
        return (chosen - mx.logsumexp(logits, axis=-1)).sum()

    zero = mx.zeros(())
    probes = [mx.broadcast_to(zero, shape) for use in shapes.uses for shape in use.shapes]
    value, gradients = mx.value_and_grad(log_likelihood)(probes)
    mx.eval(value, gradients, [use.args for use in tape.uses])
    if not math.isfinite(number_of(value)):
        raise blame_activations(tape.uses, number)
    taken = iter(gradients)
    return [(use, [next(taken) for _ in use.shapes]) for use in tape.uses]


def _quadratic(subject: Subject, watched: Sequence[Watched], weight: mx.array, bits: int) -> float:
    """1/2 sum over rows of (g . dW x)^2 in nats, over all uses of one component.

    Uses (the two of a tied embedding, a layer called twice) count one by one:
    their rows belong to different positions of the graph.
    """
    import mlx.core as mx

    group = subject.group_size
    alongs = []
    for use, gradients in watched:
        if not use.multiplies:
            # what is looked up are rows of W, and groups lie within rows:
            # rounding the rows is rounding the matrix and looking them up
            changes = [rounding_error(rows, group, bits) for rows in use.outputs_with(weight)]
            alongs.append(_along(gradients, changes))
    products = [one for one in watched if one[0].multiplies]
    if products:
        alongs += _along_products(subject, products, weight, bits)
    total = sum(((along * along).sum() for along in alongs), mx.zeros(()))
    return 0.5 * number_of(total)


def _along_products(
    subject: Subject, products: Sequence[Watched], weight: mx.array, bits: int
) -> list[mx.array]:
    """g . dW x for every row of every use, with dW made once, in blocks of output channels."""
    outputs = weight.shape[-2]
    # fused projections split their output themselves, so they are not cut
    whole = weight.size <= MOST_ELEMENTS or len(products[0][1]) > 1
    height = outputs if whole else max(1, MOST_ELEMENTS * outputs // weight.size)
    alongs: list[mx.array] = []
    for start in range(0, outputs, height):
        block = slice(start, start + height)
        error = rounding_error(weight[..., block, :], subject.group_size, bits)
        error = subject.running.lay_out(error)
        parts = [
            _along(gradients if whole else [gradients[0][..., block]], use.outputs_with(error))
            for use, gradients in products
        ]
        alongs = [a + b for a, b in zip(alongs, parts, strict=True)] if alongs else parts
    return alongs


def _along(gradients: Sequence[mx.array], changes: Sequence[mx.array]) -> mx.array:
    """The change of log-likelihood that each row of a call's outputs makes, to first order."""
    import mlx.core as mx

    pairs = zip(gradients, changes, strict=True)
    return sum(((g * change).sum(axis=-1) for g, change in pairs), mx.zeros(()))
