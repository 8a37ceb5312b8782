"""How much of nearest rounding's loss another way of rounding leaves, for every choice.

Sensitivities are measured with nearest, which is cheap. Another way changes
each component's error by a factor of its own: a grid that the weights were
made on is found again, outliers among the inputs get the levels they need. The
factor is that of sum_ij E[x_j^2] dW_ij^2, the expected square of the outputs'
change for uncorrelated inputs, on a sample of rows. ``gptq`` is taken to gain
what ``search`` does: its own factor would need more text than is measured on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hubtool.quantize.errors_of_rounding import rounding_errors
from hubtool.quantize.method import Subject
from hubtool.quantize.rounding.interface import Moments, RoundingName
from hubtool.quantize.rounding.search import importance_of, searched_errors
from hubtool.quantize.rounding.streaming import moments_of, with_rows
from hubtool.quantize.running import Tape, Use, float_places

if TYPE_CHECKING:
    import mlx.core as mx

    from hubtool.quantize.nats import Floats

SAMPLE_TOKENS = 128  # that moments are taken over
SAMPLE_ROWS = 16  # of a component, evenly apart

Gains = Mapping[str, Mapping[str, float]]  # component -> choice's key -> factor


def rounding_gains(subject: Subject, name: RoundingName) -> Gains:
    """The factor for every component and choice of ``subject``; nothing for ``nearest``.

    Depends on the model and the first windows only: equal in every process and
    in a run that was resumed.
    """
    if name == "nearest":
        return {}
    moments = _moments(subject)
    components = {one.name: one for one in subject.components}
    gains: dict[str, dict[str, float]] = {}
    for component, weight in subject.source.weights(list(components)):
        rows = _sample(weight)
        importance = importance_of(moments.get(component), rows.shape[-1])
        choices = subject.choices_of(components[component])
        nearest = rounding_errors(rows, list(choices.values()))
        gains[component] = {}
        for (key, choice), errors in zip(choices.items(), nearest, strict=True):
            before = _loss(errors, importance)
            after = _loss(searched_errors(rows, choice, importance).T, importance)
            gains[component][key] = after / before if before > 0 else 1.0
    return gains


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


def _sample(weight: mx.array) -> mx.array:
    """Some rows of ``weight`` (experts one behind the other), evenly apart."""
    import mlx.core as mx

    rows = weight.reshape(-1, weight.shape[-1])
    step = max(1, rows.shape[0] // SAMPLE_ROWS)
    sample = rows[: SAMPLE_ROWS * step : step]
    mx.eval(sample)  # the rest can go
    return sample


def _loss(errors: Floats, importance: Floats) -> float:
    """The sum over ``errors``, shape (rows, inputs)."""
    import numpy as np

    return float(np.square(errors, dtype=np.float64).sum(axis=0) @ importance)


def scaled(sums: Mapping[str, Mapping[str, float]], gains: Gains) -> dict[str, dict[str, float]]:
    """``sums`` times their factors, where there are any."""
    return {
        name: {key: value * gains.get(name, {}).get(key, 1.0) for key, value in choices.items()}
        for name, choices in sums.items()
    }
