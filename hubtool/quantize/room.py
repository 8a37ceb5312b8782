"""How models are compared in the memory that is free: held or streamed, how much text at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.artifact.layout import read_json_object
from hubtool.console import format_bytes
from hubtool.quantize.blas import needs_column_major
from hubtool.quantize.components import all_components
from hubtool.quantize.divergence import BATCH_TOKENS, batches_of
from hubtool.quantize.loading import load_lazily, weight_bytes
from hubtool.quantize.memory import activation_bytes
from hubtool.quantize.nats import ROWS
from hubtool.quantize.products import AT_ONCE_ELEMENTS

if TYPE_CHECKING:
    import mlx.nn as nn

# Batches to try, the best first. A streamed model is read once for each of them.
HELD = (BATCH_TOKENS, 256, 128, 1)
STREAMED = (4096, 2048, 1024, *HELD)
# What the process comes to have beside arrays: threads' stacks, what the allocator keeps.
OVERHEAD_BYTES = 200_000_000
ROUNDED_BYTES = 1.13  # of a weight at the most: 8 bit in groups of 32
# Arrays of a batch's logits at their most: the base's, a quant's in parts and whole, one to spare.
LOGITS = 4


@dataclasses.dataclass(frozen=True)
class Room:
    """What was decided, and by which bytes: ``least_bytes`` is the least that comparing takes."""

    streamed: bool
    batch_tokens: int
    held_bytes: int
    least_bytes: int
    free_bytes: int

    @property
    def held_reason(self) -> str:
        """Why the models are not held."""
        return (
            f"held they need about {format_bytes(self.held_bytes)}, "
            f"{format_bytes(self.free_bytes)} are free"
        )

    @property
    def refusal(self) -> str | None:
        """Why not even streaming is possible, or None."""
        if self.least_bytes <= self.free_bytes:
            return None
        return (
            f"comparing needs about {format_bytes(self.least_bytes)} of memory, "
            f"{format_bytes(self.free_bytes)} were free"
        )


def room_for(
    base: Path,
    quant: Path,
    windows: Sequence[Sequence[int]],
    *,
    quants: int,
    trust_remote_code: bool = False,
) -> Room:
    """Room for the base and ``quants`` quants of the size of ``quant`` over ``windows``.

    Of the weights, only shapes are read. Raises what loading raises.
    """
    from hubtool.quantize.reference import free_bytes

    free = free_bytes()
    model = load_lazily(base, trust_remote_code=trust_remote_code)
    work = _Work.of(model, read_json_object(base / "config.json"), 1 + quants)
    weights = weight_bytes(base) + quants * weight_bytes(quant)
    needs = {tokens: work.bytes_for(windows, tokens) for tokens in STREAMED}
    least = min(needs.values())
    for streamed, tokens in _ways():
        if needs[tokens] + (0 if streamed else weights) <= free:
            return Room(streamed, tokens, weights + needs[BATCH_TOKENS], least, free)
    return Room(True, 1, weights + needs[BATCH_TOKENS], least, free)


def _ways() -> Iterator[tuple[bool, int]]:
    yield from ((False, tokens) for tokens in HELD)
    yield from ((True, tokens) for tokens in STREAMED)


@dataclasses.dataclass(frozen=True)
class _Work:
    """What a model's shapes say of the bytes that are taken besides held weights."""

    model: nn.Module
    config: dict[str, Any]
    fixed: int
    vocabulary: int
    heads: int

    @classmethod
    def of(cls, model: nn.Module, config: dict[str, Any], models: int) -> _Work:
        from mlx.utils import tree_flatten

        components = all_components(model)
        in_components = sum(one.parameters for one in components)
        every = sum(array.size for _, array in tree_flatten(model.parameters()))
        text = config.get("text_config") or config
        return cls(
            model,
            config,
            # what is no component is held in float32 by each model
            fixed=OVERHEAD_BYTES
            + 4 * models * (every - in_components)
            + max((_component_bytes(one.module.weight) for one in components), default=0),
            vocabulary=max((one.module.weight.shape[-2] for one in components), default=0),
            heads=int(text.get("num_attention_heads") or 1),
        )

    def bytes_for(self, windows: Sequence[Sequence[int]], batch_tokens: int) -> int:
        """With batches of about ``batch_tokens``."""
        batches = batches_of(windows, batch_tokens)
        positions = max(len(batch.windows) * batch.longest for batch in batches)
        longest = max(batch.longest for batch in batches)
        logits = 4 * self.vocabulary * (LOGITS * positions + 8 * ROWS)
        # in float32, which is twice what the activations of generating take in bfloat16
        activations = activation_bytes(self.model, self.config, 2 * positions)
        scores = 3 * 4 * self.heads * positions * longest
        return self.fixed + logits + activations + scores


def _component_bytes(weight: Any) -> int:
    """As stored, cast to a shorter type, rounded; and in float32 in parts or, experts, whole."""
    cast = 2 if weight.itemsize > 2 else 0
    stored = weight.size * (weight.itemsize + cast + ROUNDED_BYTES)
    copies = 2 if needs_column_major() else 1
    return int(stored) + 4 * copies * (weight.size if weight.ndim > 2 else 2 * AT_ONCE_ELEMENTS)
