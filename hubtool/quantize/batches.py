"""Windows of tokens as batches: padded on the right, which a causal model does not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mlx.core as mx

MOST_PADDING = 0.15  # of a batch; more, and the window starts a batch of its own


@dataclasses.dataclass(frozen=True)
class Batch:
    """Windows that are computed together. ``first`` numbers its first position within the run."""

    windows: tuple[tuple[int, ...], ...]
    first: int

    @property
    def positions(self) -> int:
        """Tokens without padding."""
        return sum(map(len, self.windows))

    @property
    def longest(self) -> int:
        """Tokens of the longest window, and of every other with its padding."""
        return max(map(len, self.windows))

    def ids(self) -> mx.array:
        """Token ids, shape (windows, longest)."""
        import mlx.core as mx

        return mx.array([[*window, *[0] * (self.longest - len(window))] for window in self.windows])

    def starts(self) -> range:
        """Where each window begins in the flattened batch."""
        return range(0, len(self.windows) * self.longest, self.longest)

    def rows(self) -> mx.array:
        """Where the positions without padding lie in the flattened batch, shape (positions,)."""
        import mlx.core as mx

        return mx.array(
            [
                start + place
                for start, window in zip(self.starts(), self.windows, strict=True)
                for place in range(len(window))
            ]
        )


Group = tuple[Batch, ...]  # what is held in memory together


def grouped(
    windows: Sequence[tuple[int, ...]], most_tokens: int, batch_tokens: int | None = None
) -> tuple[Group, ...]:
    """``windows`` in groups of up to ``most_tokens`` tokens, in batches of like lengths each.

    Batches have about ``batch_tokens`` (all of a group without it). A window
    longer than ``most_tokens`` is a group of its own. Equal input gives equal
    groups: a resumed run and a run on several machines count on it.
    """
    groups: list[Group] = []
    held: list[tuple[int, ...]] = []
    first = 0
    for window in [*windows, None]:
        tokens = sum(map(len, held))
        if held and (window is None or tokens + len(window) > most_tokens):
            groups.append(_batched(held, first, batch_tokens or tokens))
            first += tokens
            held = []
        if window is not None:
            held.append(window)
    return tuple(groups)


def _batched(windows: Sequence[tuple[int, ...]], first: int, batch_tokens: int) -> Group:
    total = sum(map(len, windows))
    even = total / max(1, round(total / batch_tokens))
    batches: list[Batch] = []
    held: list[tuple[int, ...]] = []
    for window in [*sorted(windows, key=len, reverse=True), ()]:
        tokens = sum(map(len, held))
        padded = len(held[0]) * (len(held) + 1) if held else 0
        sparse = padded - tokens - len(window) > MOST_PADDING * padded
        if held and (not window or sparse or tokens >= even):
            batches.append(Batch(tuple(held), first))
            first += tokens
            held = []
        held.append(window)
    return tuple(batches)


def rows_of(logits: mx.array, batch: Batch) -> mx.array:
    """The rows of (windows, tokens, vocabulary) that are no padding, evaluated."""
    import mlx.core as mx

    flat = logits.reshape(-1, logits.shape[-1])
    if batch.positions != flat.shape[0]:
        flat = flat[batch.rows()]
    mx.eval(flat)
    return flat
