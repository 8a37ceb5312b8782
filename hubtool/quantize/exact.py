"""Sensitivities measured one by one: KL with and without one component quantized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubtool.quantize.divergence import position_kl
from hubtool.quantize.finite import blame_activations, number_of, require_finite
from hubtool.quantize.method import Step, Subject, Sums
from hubtool.quantize.running import Tape
from hubtool.quantize.weights import PackedWeight, PlainWeight

if TYPE_CHECKING:
    import mlx.core as mx


class ExactMethod:
    """One step a component: the reference, then every width, over all windows.

    ``same_reference`` says that the running model itself is the reference, so
    its logits are computed once and kept (4 bytes x tokens x vocabulary).
    Otherwise the reference is the running model with the one component in high
    precision, and is computed for each component.
    """

    def __init__(self, *, same_reference: bool) -> None:
        self._kept: dict[int, mx.array] | None = {} if same_reference else None

    def steps(self, subject: Subject) -> Sequence[Step]:
        return [Step(component.name, 1.0) for component in subject.components]

    def run_step(self, subject: Subject, step: int) -> Sums:
        component = subject.components[step]
        ((name, weight),) = subject.source.weights([component.name])
        widths = {str(bits): 0.0 for bits in subject.candidate_bits}
        for number, tokens in enumerate(subject.windows):
            reference = self._reference(subject, number, name, weight)
            for bits in subject.candidate_bits:
                packed = PackedWeight.of(weight, subject.group_size, bits)
                with subject.running.with_weight(name, packed):
                    logits = subject.running.logits(tokens)
                kl = position_kl(reference, logits).sum()
                widths[str(bits)] += number_of(kl)
        require_finite({name: widths})
        return {name: widths}

    def _reference(self, subject: Subject, number: int, name: str, weight: mx.array) -> mx.array:
        """Logits of the reference for one window, evaluated and finite."""
        import mlx.core as mx

        if self._kept is not None and number in self._kept:
            return self._kept[number]
        with subject.running.with_weight(name, PlainWeight(weight)):
            logits = subject.running.logits(subject.windows[number])
            if not bool(mx.isfinite(logits).all().item()):
                tape = Tape()
                subject.running.logits(subject.windows[number], tape)
                raise blame_activations(tape.uses, number)
        if self._kept is not None:
            self._kept[number] = logits
        return logits
