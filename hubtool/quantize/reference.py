"""What sensitivity is measured against: the bf16 model, or its uniform 4-bit quant."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.console import Console, format_bytes
from hubtool.quantize.components import Component
from hubtool.quantize.limits import bytes_left_by_limits
from hubtool.quantize.loading import weight_bytes
from hubtool.quantize.products import LARGE_ELEMENTS
from hubtool.quantize.running import RunningModel
from hubtool.quantize.shelf import Shelf, Shelved, checkpoint_shelf
from hubtool.quantize.weights import PackedWeight, PlainWeight

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn

_UNIFORM_BITS = 4
_UNIFORM_SHARE = 5 / 16  # of the bytes in bf16, in groups of 32
# Bytes of activations and gradients that a step may hold, whatever the machine.
STEP_BYTES = 1_000_000_000
# Memory in use beyond which mlx waits for what it has begun, instead of reading weights ahead.
AHEAD_BYTES = 256_000_000
# Tokens whose logits the exact method holds at once.
EXACT_TOKENS = 512


@dataclasses.dataclass(frozen=True)
class InMemory:
    """High-precision weights that the running model holds anyway."""

    components: dict[str, mx.array]

    def weights(self, names: Sequence[str]) -> Iterator[tuple[str, mx.array]]:
        """Each name with its weight."""
        for name in names:
            yield name, self.components[name]


@dataclasses.dataclass(frozen=True)
class Streamed:
    """High-precision weights read from disk one component at a time."""

    shelf: Shelf[PlainWeight]

    def weights(self, names: Sequence[str]) -> Iterator[tuple[str, mx.array]]:
        """Each name with its weight, which is dropped when the next one is asked for."""
        for name in names:
            yield name, self.shelf.take(name).array


def run_bf16(
    model: nn.Module, components: Sequence[Component], *, column_major: bool
) -> tuple[RunningModel, InMemory]:
    """The model as it is, and its own weights as the source."""
    import mlx.core as mx

    held = {component.name: component.module.weight for component in components}
    weights = {name: PlainWeight(array) for name, array in held.items()}
    running = RunningModel(model, components, weights, column_major=column_major)
    mx.eval(model.parameters())
    return running, InMemory(held)


def run_uniform4(
    model: nn.Module,
    components: Sequence[Component],
    folder: Path,
    *,
    group_size: int,
    trust_remote_code: bool,
    column_major: bool,
) -> tuple[RunningModel, Streamed]:
    """The uniform 4-bit quant of ``model`` (loaded lazily), and the disk as the source.

    One component's high-precision weight is in memory at a time.
    """
    import mlx.core as mx

    weights = {}
    for component in components:
        packed = PackedWeight.of(component.module.weight, group_size, _UNIFORM_BITS)
        mx.eval([packed.packed, packed.scales, packed.biases])
        weights[component.name] = packed
        # Stays unevaluated: code that reads the weight's shape finds it, and the
        # high-precision array is no longer held.
        component.module.weight = packed.full()
    running = RunningModel(model, components, weights, column_major=column_major)
    return running, Streamed(checkpoint_shelf(folder, trust_remote_code=trust_remote_code))


def run_streamed(
    model: nn.Module,
    components: Sequence[Component],
    folder: Path,
    *,
    trust_remote_code: bool,
    column_major: bool,
) -> tuple[RunningModel, Streamed]:
    """The model as it is, each weight read from disk whenever it is used.

    ``model`` is loaded lazily and stays so. Slower by the reading of the file
    for every forward and backward pass, and no larger than a block. For the rest
    of the process mlx begins nothing new while it holds more than ``AHEAD_BYTES``.
    """
    import mlx.core as mx

    mx.set_memory_limit(AHEAD_BYTES)
    used, measured = (
        checkpoint_shelf(folder, trust_remote_code=trust_remote_code) for _ in range(2)
    )  # two: what one has handed out, the other still has
    weights = {one.name: Shelved(used, one.name) for one in components}
    running = RunningModel(model, components, weights, column_major=column_major)
    return running, Streamed(measured)


def choose_reference(folder: Path, components: Sequence[Component]) -> tuple[str, str]:
    """``bf16`` if it fits into the memory that is free now, else ``uniform4``; and why.

    ``streamed`` if that does not fit either: bf16, read from disk as it is used.
    """
    free = free_bytes()
    need = _need_bytes(folder, components, "bf16")
    if need <= free:  # how much is free is of this moment: the card would differ on every run
        return "bf16", f"needs about {format_bytes(need)} of memory and fits"
    reason = f"bf16 needs about {format_bytes(need)}, {format_bytes(free)} were free"
    if _need_bytes(folder, components, "uniform4") <= free:
        return "uniform4", reason
    return "streamed", f"read from disk as it is used: {reason}"


def warn_of_shortage(
    folder: Path, components: Sequence[Component], reference: str, console: Console
) -> None:
    """Where measuring may take more memory than is free: the system would end the process."""
    need, free = _need_bytes(folder, components, reference), free_bytes()
    if need > free:
        console.warn(
            f"measuring takes up to {format_bytes(need)} of memory, {format_bytes(free)} are free; "
            "`hubtool quantize` and `hubtool release` measure nothing with `--method static`"
        )


def _need_bytes(folder: Path, components: Sequence[Component], reference: str) -> int:
    held = {"bf16": 1.0, "uniform4": _UNIFORM_SHARE, "streamed": 0.0}[reference]
    return int(weight_bytes(folder) * held) + _working_bytes(components)


def free_bytes() -> int:
    """Memory that could be taken now without swapping, on the device that computes."""
    import mlx.core as mx
    import psutil

    free = int(psutil.virtual_memory().available)
    limited = bytes_left_by_limits()
    free = free if limited is None else min(free, limited)
    device: dict[str, str | int] = mx.device_info()
    # names differ between mlx's backends; the CPU has neither and uses all of the RAM
    total = device.get("total_memory") or device.get("memory_size")
    if not total:
        return free
    return min(free, int(total) - int(mx.get_active_memory()))


def _working_bytes(components: Sequence[Component]) -> int:
    """What either method holds besides the weights, by their own limits.

    A step's activations, a few arrays of logits, and one weight in float32 unless it
    is cut into parts.
    """
    vocabulary: int = max(component.module.weight.shape[-2] for component in components)
    largest = max(component.parameters for component in components)
    logits = 4 * EXACT_TOKENS * vocabulary
    return STEP_BYTES + 3 * logits + 4 * min(largest, LARGE_ELEMENTS)
