"""The noise floor of a measurement: what the arithmetic alone makes of KL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubtool.quantize.batches import Batch
from hubtool.quantize.nats import ReferenceRows

if TYPE_CHECKING:
    from hubtool.quantize.method import Subject

WINDOWS = 2  # the longest: a few dozen positions tell what float32 does everywhere


def noise_floor(subject: Subject) -> float:
    """KL in nats a token of the reference against itself, its products summed in reverse order.

    A sensitivity below it says nothing. Not finite where the model is not.
    """
    import mlx.core as mx

    windows = sorted(subject.windows, key=len)[-WINDOWS:]
    batches = [Batch((window,), 0) for window in windows]
    nats = 0.0
    for batch in batches:
        usual = subject.running.forward(batch.ids())[0]
        with subject.running.in_other_order():
            other = subject.running.forward(batch.ids())[0]
        mx.eval(usual, other)
        nats += float(ReferenceRows(usual).kl(other).sum())
    return max(0.0, nats) / sum(batch.positions for batch in batches)
