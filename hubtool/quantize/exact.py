"""Sensitivities measured one by one: KL with and without one component quantized.

A probe changes nothing before the block that its component is in, so the
blocks before it answer with what they gave in the reference's own pass. That
is tried against a whole pass first, and left off where it makes a difference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hubtool.quantize.batches import Batch, Group, grouped, rows_of
from hubtool.quantize.components import Component
from hubtool.quantize.finite import blame_activations, require_finite
from hubtool.quantize.method import Step, Subject, Sums, Tell
from hubtool.quantize.nats import ReferenceRows
from hubtool.quantize.reference import EXACT_TOKENS
from hubtool.quantize.running import RunningModel, Tape
from hubtool.quantize.team import Team, add
from hubtool.quantize.weights import PackedWeight, PlainWeight, StoredWeight

if TYPE_CHECKING:
    import mlx.core as mx

# Components between two writes of the checkpoint, for each process.
STEP_COMPONENTS = 8
# Largest KL in nats a token between a probe with and without its prefix: rounding is below it.
SAME_NATS = 1e-6


class ExactMethod:
    """One step a few components and a group of windows: the reference, then every choice.

    ``same_reference`` says that the running model itself is the reference, so
    its logits are computed once and kept. Otherwise the reference is the
    running model with the one component in high precision.
    """

    def __init__(self, *, same_reference: bool) -> None:
        self._same_reference = same_reference
        self._held: tuple[Group, list[Recording]] | None = None

    def steps(self, subject: Subject) -> Sequence[Step]:
        return [
            Step(subject.components[numbers[-1]].name, len(numbers))
            for _ in grouped(subject.windows, EXACT_TOKENS)
            for numbers in _together(subject)
        ]

    def run_steps(self, subject: Subject, steps: Sequence[int], team: Team, tell: Tell) -> Sums:
        together = _together(subject)
        groups = grouped(subject.windows, EXACT_TOKENS)
        probes = [
            (groups[step // len(together)], subject.components[one])
            for step in steps
            for one in together[step % len(together)]
        ]
        return team.added(self._probed(subject, probes[team.rank :: team.size], tell))

    def probe_all(
        self,
        subject: Subject,
        windows: Sequence[tuple[int, ...]],
        components: Sequence[Component],
        tell: Tell,
    ) -> Sums:
        """KL sums of some components over some windows."""
        groups = grouped(windows, EXACT_TOKENS)
        probes = [(group, component) for group in groups for component in components]
        found = self._probed(subject, probes, tell)
        self._held = None
        return found

    def _probed(
        self, subject: Subject, probes: Sequence[tuple[Group, Component]], tell: Tell
    ) -> Sums:
        found: list[Sums] = []
        for group, component in probes:
            found.append(self.probe(subject, group, component))
            tell(len(found) / len(probes))
        return add(found)

    def probe(self, subject: Subject, group: Group, component: Component) -> Sums:
        """KL sums of one component over the windows of ``group``."""
        if self._held is None or self._held[0] != group:
            self._held = None  # let go before the next ones are made
            self._held = group, [_record(subject.running, batch) for batch in group]
        ((name, weight),) = subject.source.weights([component.name])
        choices = subject.choices_of(component)
        sums = dict.fromkeys(choices, 0.0)
        for recording in self._held[1]:
            reference = self._reference(recording, name, weight)
            for key, choice in choices.items():
                packed = PackedWeight.of(weight, choice.group_size, choice.bits)
                logits = recording.logits_with(name, packed)
                sums[key] += float(reference.kl(logits).sum())
        require_finite({name: sums})
        return {name: sums}

    def _reference(self, recording: Recording, name: str, weight: mx.array) -> ReferenceRows:
        if self._same_reference:
            return recording.reference
        return ReferenceRows(recording.logits_with(name, PlainWeight(weight)))


def _together(subject: Subject) -> list[range]:
    """Numbers of the components that one step measures: several machines share them."""
    count = len(subject.components)
    return [range(at, min(count, at + STEP_COMPONENTS)) for at in range(0, count, STEP_COMPONENTS)]


@dataclasses.dataclass(frozen=True)
class Recording:
    """The running model's own pass over a batch.

    ``outputs`` are what its blocks gave; ``first`` maps a component to the
    blocks before its first use: they are the same in a probe of it.
    """

    running: RunningModel
    batch: Batch
    reference: ReferenceRows
    outputs: Sequence[Any]
    first: dict[str, int]

    def logits_with(self, name: str, weight: StoredWeight) -> mx.array:
        """Logits with ``weight`` in component ``name``, shape (positions, vocabulary)."""
        skipped = self.first.get(name, 0)

        def hook(number: int, run: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self.outputs[number] if number < skipped else run(*args, **kwargs)

        with self.running.with_weight(name, weight):
            return rows_of(self.running.forward(self.batch.ids(), hook=hook), self.batch)


def _record(running: RunningModel, batch: Batch) -> Recording:
    """A pass with the outputs of its blocks kept; raises MeasureFailed if it is not finite."""
    import mlx.core as mx

    outputs: list[Any] = []

    def keep(_number: int, run: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outputs.append(run(*args, **kwargs))
        mx.eval(outputs[-1])
        return outputs[-1]

    reference = ReferenceRows(rows_of(running.forward(batch.ids(), hook=keep), batch))
    tape = Tape()
    running.forward(batch.ids(), tape)  # builds the graph only
    if not reference.finite:
        raise blame_activations(tape.uses)
    first: dict[str, int] = {}
    for use in tape.uses:
        first.setdefault(use.component.name, use.block)
    recording = Recording(running, batch, reference, outputs, first)
    middle = len(outputs) // 2
    later = [use.component for use in tape.uses if first[use.component.name] >= max(1, middle)]
    if later and _reusable(recording, later[0]):
        return recording
    return dataclasses.replace(recording, first={})


def _reusable(recording: Recording, component: Component) -> bool:
    """Whether a probe of ``component`` comes out the same with the blocks before it left out."""
    import mlx.core as mx

    changed = PlainWeight(component.module.weight * mx.array(1.25, component.module.weight.dtype))
    whole = dataclasses.replace(recording, first={}).logits_with(component.name, changed)
    part = recording.logits_with(component.name, changed)
    return float(ReferenceRows(whole).kl(part).mean()) < SAME_NATS
