"""What a way of measuring sensitivities must offer, and what it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from hubtool.quantize.choice import Choice
from hubtool.quantize.components import Component

if TYPE_CHECKING:
    import mlx.core as mx

    from hubtool.quantize.running import RunningModel
    from hubtool.quantize.team import Team

Sums = dict[str, dict[str, float]]  # component -> choice -> KL summed over positions, in nats
Tell = Callable[[float], None]  # is given the share (0 to 1) of the steps under way that is done


class WeightSource(Protocol):
    """Where the high-precision weight of a component comes from."""

    def weights(self, names: Sequence[str]) -> Iterator[tuple[str, mx.array]]:
        """Each name with its weight in the stored type; at most one is held at a time."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured: a running model, its components, the choices, and the windows of tokens.

    ``group_size`` is the one that a choice's key leaves out.
    """

    running: RunningModel
    components: tuple[Component, ...]
    source: WeightSource
    choices: tuple[Choice, ...]
    group_size: int
    windows: tuple[tuple[int, ...], ...]
    seed: int

    def choices_of(self, component: Component) -> dict[str, Choice]:
        """The choices that ``component`` can have, by key."""
        input_dims = component.module.weight.shape[-1]
        return {
            choice.key(self.group_size): choice
            for choice in self.choices
            if choice.is_quantized and choice.fits(input_dims)
        }


@dataclasses.dataclass(frozen=True)
class Step:
    """A resumable part of the work. ``cost`` compares it with the others, for the time left."""

    title: str
    cost: float


class SensitivityMethod(Protocol):
    """A way to measure, cut into steps."""

    def steps(self, subject: Subject) -> Sequence[Step]:
        """All steps in order; the same for equal subjects."""

    def run_steps(self, subject: Subject, steps: Sequence[int], team: Team, tell: Tell) -> Sums:
        """KL sums that these steps add. Depends on ``subject`` and ``steps`` only.

        The work of the steps is dealt out to the processes of ``team``; all get the
        whole. Each holds no more than one step's share at a time if there are as many
        steps as processes. Raises MeasureFailed naming the component that came out as
        NaN or infinite.
        """
