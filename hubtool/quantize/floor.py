"""The noise floor of a measurement: what the arithmetic alone makes of KL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubtool.quantize.batches import Batch, rows_of
from hubtool.quantize.nats import ReferenceRows

if TYPE_CHECKING:
    from hubtool.quantize.method import Subject

TOKENS = 64  # of the longest window: what float32 does is the same everywhere


def noise_floor(subject: Subject) -> float:
    """KL in nats a token of the reference against itself, its products summed in reverse order.

    A sensitivity below it says nothing. Not finite where the model is not.
    """
    batch = Batch((max(subject.windows, key=len)[:TOKENS],), 0)
    usual = rows_of(subject.running.forward(batch.ids()), batch)
    with subject.running.in_other_order():
        other = rows_of(subject.running.forward(batch.ids()), batch)
    return max(0.0, float(ReferenceRows(usual).kl(other).mean()))
