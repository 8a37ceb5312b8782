"""How much of nearest rounding's loss another way of rounding leaves, for every choice.

Sensitivities are measured with nearest, which is cheap. Another way changes
each component's error by a factor of its own: a grid that the weights were
made on is found again, outliers among the inputs get the levels they need. The
factor is that of sum_ij E[x_j^2] dW_ij^2, the expected square of the outputs'
change for uncorrelated inputs, on a sample of rows. ``gptq`` is taken to gain
what ``search`` does: its own factor would need more text than is measured on.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hubtool.quantize.choice import Choice
from hubtool.quantize.errors_of_rounding import rounding_errors
from hubtool.quantize.method import Subject
from hubtool.quantize.nats import as_numpy
from hubtool.quantize.rounding.interface import Moments, RoundingName
from hubtool.quantize.rounding.search import importance_of, searched_errors
from hubtool.quantize.rounding.streaming import moments_of, with_rows
from hubtool.quantize.running import Tape, Use, float_places
from hubtool.quantize.team import Team

if TYPE_CHECKING:
    import mlx.core as mx

    from hubtool.quantize.nats import Floats

SAMPLE_TOKENS = 128  # that moments are taken over
SAMPLE_ROWS = 16  # of a component, evenly apart
TOGETHER = 8  # components that are searched at once

Gains = Mapping[str, Mapping[str, float]]  # component -> choice's key -> factor


def rounding_gains(subject: Subject, name: RoundingName, team: Team) -> Gains:
    """The factor for every component and choice of ``subject``; nothing for ``nearest``.

    Depends on the model and the first windows only: equal in a run that was
    resumed. Each process of ``team`` finds those of its components; all get the whole.
    """
    if name == "nearest":
        return {}
    moments = _moments(subject)
    mine = {one.name: one for one in subject.components[team.rank :: team.size]}
    samples = {
        name: _Sample(_some_rows(weight), importance_of(moments.get(name), weight.shape[-1]))
        for name, weight in subject.source.weights(list(mine))
    }
    gains: dict[str, dict[str, float]] = {}
    for names in _alike(samples):
        choices = subject.choices_of(mine[names[0]])
        factors = _factors([samples[name] for name in names], list(choices.values()))
        gains |= {
            name: dict(zip(choices, values, strict=True))
            for name, values in zip(names, factors, strict=True)
        }
    return {name: factors for part in team.gathered(gains) for name, factors in part.items()}


@dataclasses.dataclass(frozen=True)
class _Sample:
    """Rows of a component, shape (rows, inputs), and how much an error in each input counts."""

    rows: mx.array
    importance: Floats


def _alike(samples: Mapping[str, _Sample]) -> Iterator[list[str]]:
    """Names whose samples can be one array, together: numpy is slow on small ones."""
    by_kind: dict[tuple[int, str], list[str]] = {}
    for name, sample in samples.items():
        by_kind.setdefault((sample.rows.shape[-1], str(sample.rows.dtype)), []).append(name)
    for names in by_kind.values():
        for start in range(0, len(names), TOGETHER):
            yield names[start : start + TOGETHER]


def _factors(samples: Sequence[_Sample], choices: Sequence[Choice]) -> list[list[float]]:
    """What searching leaves of nearest rounding's loss, by sample and choice."""
    import mlx.core as mx
    import numpy as np

    heights = [len(sample.rows) for sample in samples]
    starts = [0, *itertools.accumulate(heights)][:-1]
    rows = mx.concatenate([sample.rows for sample in samples])
    importance = np.stack([sample.importance for sample in samples], axis=1)
    importance = np.repeat(importance, heights, axis=1)  # (inputs, rows)

    def losses(errors: Floats) -> Floats:
        weighted = (np.square(errors, dtype=np.float64) * importance).sum(axis=0)
        summed: Floats = np.add.reduceat(weighted, starts)
        return summed

    factors = []
    nearest = as_numpy(rounding_errors(rows, choices))
    for choice, errors in zip(choices, nearest, strict=True):
        before, after = losses(errors.T), losses(searched_errors(rows, choice, importance))
        factors.append(np.where(before > 0, after / np.where(before > 0, before, 1), 1))
    return [list(map(float, values)) for values in np.transpose(factors)]


class _MomentsTape(Tape):
    """Takes the moments of what goes into components, and keeps no activations."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: dict[str, Moments] = {}
        self.looked_up: set[str] = set()

    def tap(self, use: Use, out: Any) -> Any:
        places, name = float_places(use.args), use.component.name
        if not places:
            self.looked_up.add(name)
        elif name not in self.moments:
            self.moments[name] = moments_of(use.args[places[0]], full=False)
        return out


def _moments(subject: Subject) -> dict[str, Moments]:
    """Diagonal moments by component, from the first windows together."""
    import mlx.core as mx

    tokens = [token for window in subject.windows for token in window][:SAMPLE_TOKENS]
    tape = _MomentsTape()
    subject.running.forward(mx.array([tokens]), tape)  # its logits are never computed
    return {
        name: with_rows(moments) if name in tape.looked_up else moments
        for name, moments in tape.moments.items()
    }


def _some_rows(weight: mx.array) -> mx.array:
    """Some rows of ``weight`` (experts one behind the other), evenly apart."""
    import mlx.core as mx

    rows = weight.reshape(-1, weight.shape[-1])
    step = max(1, rows.shape[0] // SAMPLE_ROWS)
    sample = rows[: SAMPLE_ROWS * step : step]
    mx.eval(sample)  # the rest can go
    return sample


def scaled(sums: Mapping[str, Mapping[str, float]], gains: Gains) -> dict[str, dict[str, float]]:
    """``sums`` times their factors, where there are any."""
    return {
        name: {key: value * gains.get(name, {}).get(key, 1.0) for key, value in choices.items()}
        for name, choices in sums.items()
    }
