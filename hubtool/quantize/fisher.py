"""Sensitivities of all components from one backward pass.

To second order KL(p || p') = 1/2 d^T F d for a small change d of the logits,
F = diag(p) - p p^T being the Fisher matrix of the softmax [Amari 1998; Martens
2020, section 9]. F = E[s s^T] for s = (I - p 1^T) (sqrt(p) * signs), with a
random sign for each token of the vocabulary. So with g_t the gradient of the
sum of s . logits at a component's output for input x_t,

    KL(component rounded) ~= 1/2 mean (sum g_t . (Q(W) - W) x_t)^2.

Labels drawn from p have the same F; signs stray less, since every draw is of
the usual size. ``quadratics`` says over what the inner sum runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubtool.errors import MeasureFailed
from hubtool.quantize.batches import Group, grouped
from hubtool.quantize.exact import ExactMethod
from hubtool.quantize.finite import blame_activations, require_finite
from hubtool.quantize.gradients import Score, Watched, watch
from hubtool.quantize.method import Step, Subject, Sums, Tell
from hubtool.quantize.nats import as_numpy, normalised
from hubtool.quantize.quadratics import quadratic, segments_of
from hubtool.quantize.reference import STEP_BYTES
from hubtool.quantize.running import Tape

if TYPE_CHECKING:
    import mlx.core as mx

    from hubtool.quantize.nats import Floats
    from hubtool.quantize.team import Team

# Tokens of a step at most: what is measured between two writes of the checkpoint.
STEP_TOKENS = 4096
# Tokens that are computed together, and that one of several processes takes at a time.
BATCH_TOKENS = 256


class FisherMethod:
    """Each step: forward, backward block by block, and a quadratic form a component.

    Components that no gradient reaches (behind a kernel without one, say) are
    measured by ``exact``.
    """

    def __init__(self, exact: ExactMethod) -> None:
        self._exact = exact

    def steps(self, subject: Subject) -> Sequence[Step]:
        return [
            Step(f"position {group[0].first}", sum(batch.positions for batch in group))
            for group in self._groups(subject)
        ]

    def run_steps(self, subject: Subject, steps: Sequence[int], team: Team, tell: Tell) -> Sums:
        groups = self._groups(subject)
        whole = tuple(batch for step in steps for batch in groups[step])
        reached = 0.0

        def told(share: float) -> None:
            nonlocal reached
            reached = share
            tell(share)

        sums, unused = self._share(subject, whole[team.rank :: team.size], told)
        sums = team.added(sums)
        without = set.intersection(*map(set, team.gathered(sorted(unused))))
        silent = [
            one
            for one in subject.components
            if one.name not in without and not any(sums[one.name].values())
        ]
        if silent:
            windows = [window for batch in whole for window in batch.windows]
            mine = silent[team.rank :: team.size]
            found = self._exact.probe_all(
                subject, windows, mine, lambda share: tell(reached + (1 - reached) * share)
            )
            sums |= team.added(found)
        require_finite(sums)
        return sums

    def _share(self, subject: Subject, group: Group, tell: Tell) -> tuple[Sums, set[str]]:
        """What ``group`` adds, and the components that it does not use."""
        sums: Sums = {
            one.name: dict.fromkeys(subject.choices_of(one), 0.0) for one in subject.components
        }
        unused = set(sums)
        portions = subject.running.block_count + 2  # and what comes before and after the blocks
        subject.running.differentiable(True)
        try:
            for number, portion in enumerate(watch(subject.running, group, _score(subject)), 1):
                unused -= {use.component.name for use, _ in portion}
                _add(subject, portion, sums)
                tell(min(1.0, number / portions))
        except NotFinite:
            raise _blame(subject, group) from None
        except ValueError as error:  # mlx's, for an operation without a gradient
            if "vjp" not in str(error):
                raise
            unused.clear()  # what comes before that operation is measured otherwise
        finally:
            subject.running.differentiable(False)
        return sums, unused

    def _groups(self, subject: Subject) -> tuple[Group, ...]:
        return grouped(subject.windows, step_tokens(subject), BATCH_TOKENS)


class NotFinite(Exception):
    """A prediction is NaN or infinite."""


def _blame(subject: Subject, group: Group) -> MeasureFailed:
    tape = Tape()
    for batch in group:
        subject.running.forward(batch.ids(), tape)
    return blame_activations(tape.uses)


def step_tokens(subject: Subject) -> int:
    """How many tokens' activations fit into ``STEP_BYTES``. Depends on the model alone."""
    shapes = [one.module.weight.shape for one in subject.components]
    blocks = max(1, subject.running.block_count)
    held = sum(shape[-1] + 2 * shape[-2] for shape in shapes if len(shape) == 2)
    vocabulary = max(shape[-2] for shape in shapes)
    width = min(shape[-1] for shape in shapes)
    floats = 2 * held / blocks + width * blocks + 2 * vocabulary
    return min(STEP_TOKENS, max(64, int(STEP_BYTES / (4 * floats))))


def _add(subject: Subject, portion: list[Watched], sums: Sums) -> None:
    """What the uses in ``portion`` contribute."""
    segments = segments_of(subject.windows)
    by_name: dict[str, list[Watched]] = {}
    while portion:
        use, gradients = portion.pop()
        by_name.setdefault(use.component.name, []).append((use, gradients))
    for name, weight in subject.source.weights(list(by_name)):
        watched = by_name.pop(name)
        choices = subject.choices_of(watched[0][0].component)
        values = quadratic(watched[::-1], weight, list(choices.values()), segments)
        for key, value in zip(choices, values, strict=True):
            sums[name][key] += value


def _score(subject: Subject) -> Score:
    """The cotangent of logits: for each position its own s, whatever it is computed with."""
    import mlx.core as mx
    import numpy as np

    def score(logits: mx.array, first: int) -> mx.array:
        mx.eval(logits)
        log_p = normalised(as_numpy(logits))
        if not np.isfinite(log_p).all():
            raise NotFinite
        return mx.array(_signed(log_p, subject.seed, first))

    return score


def _signed(log_p: Floats, seed: int, first: int) -> Floats:
    """s for every row of ``log_p``; row i is position ``first`` + i of the run."""
    import numpy as np

    for row, values in enumerate(log_p):
        draw = np.random.default_rng([seed, first + row])
        bits = np.unpackbits(np.frombuffer(draw.bytes(len(values) // 8 + 1), np.uint8))
        sign_bits = bits[: len(values)].astype(np.uint32) << np.uint32(31)
        root = np.exp(values * np.float32(0.5))
        p = root * root
        root.view(np.uint32)[...] ^= sign_bits
        values[...] = root - p * root.sum()
    return log_p
