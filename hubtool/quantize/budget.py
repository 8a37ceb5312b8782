"""A budget as people think of it: bits per weight, a file size, or a Mac that it must fit."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from hubtool.console import format_bytes
from hubtool.errors import BudgetImpossible

BudgetKind = Literal["target_bpw", "stored_bpw", "max_size", "fit"]
FLAGS: dict[BudgetKind, str] = {
    "target_bpw": "--target-bpw",
    "stored_bpw": "--stored-bpw",
    "max_size": "--max-size",
    "fit": "--fit",
}
DEFAULT_CONTEXT = 8192  # tokens
DEFAULT_TARGET_BPW = 5.0
GIB = 1 << 30
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": GIB, "TIB": 1 << 40}

# The share of RAM that macOS lets the GPU wire by default: about two thirds up to 36 GB,
# three quarters above. docs/explanation/budgets.md has the sources and measurements.
SMALL_MAC_BYTES = 36 * GIB
SMALL_MAC_SHARE = (2, 3)
LARGE_MAC_SHARE = (3, 4)


@dataclasses.dataclass(frozen=True)
class BudgetWish:
    """A budget as it was asked for. ``amount`` is in bits per weight, or in bytes.

    ``context`` is in tokens; only a fit depends on it.
    """

    kind: BudgetKind
    amount: float
    context: int = DEFAULT_CONTEXT


@dataclasses.dataclass(frozen=True)
class MemorySum:
    """What a Mac of ``ram_bytes`` has for weights once everything else is counted."""

    ram_bytes: int
    wired_bytes: int  # what macOS lets the GPU hold
    context: int  # tokens
    cache_bytes: int  # keys and values of that many tokens
    overhead_bytes: int  # activations of a prompt's chunk, and mlx's own buffers
    made_for: int | None = None  # tokens of context, as the model's config says

    @property
    def room_bytes(self) -> int:
        """Left for the weights; negative if nothing is."""
        return self.wired_bytes - self.cache_bytes - self.overhead_bytes

    def __str__(self) -> str:
        return (
            f"{format_gib(self.ram_bytes)} of memory, of which the GPU may hold "
            f"{format_gib(self.wired_bytes)}, less {format_gib(self.cache_bytes)} for a cache of "
            f"{self.context} tokens, less {format_gib(self.overhead_bytes)} of overhead: "
            f"{format_gib(max(0, self.room_bytes))} for the weights"
        )


@dataclasses.dataclass(frozen=True)
class Budget:
    """One limit. ``amount`` is in bits per weight, or in bytes; ``memory`` is the sum of a fit."""

    kind: BudgetKind
    amount: float
    memory: MemorySum | None = None

    @property
    def is_nominal(self) -> bool:
        """Whether it counts the bits of weights alone, without scales and biases."""
        return self.kind == "target_bpw"

    @property
    def flags(self) -> str:
        """What asks for the same budget again."""
        shown = f"{self.amount}"
        if self.kind in ("max_size", "fit"):
            shown = exact_size(int(self.amount), binary=self.kind == "fit")
        context = f" --context {self.memory.context}" if self.memory else ""
        return f"{FLAGS[self.kind]} {shown}{context}"

    @property
    def target_bpw(self) -> float | None:
        """The nominal budget, if it is one."""
        return self.amount if self.is_nominal else None

    def __str__(self) -> str:
        if self.kind == "target_bpw":
            return f"{self.amount:g} nominal bits per weight"
        if self.kind == "stored_bpw":
            return f"{self.amount:g} stored bits per weight"
        if self.kind == "max_size":
            return f"at most {format_bytes(self.amount)}"
        return f"fits a Mac with {format_gib(self.amount)}"


def wish_of(
    *,
    target_bpw: float | None,
    stored_bpw: float | None,
    max_size: str | None,
    fit: str | None,
    context: int,
) -> BudgetWish:
    """The one budget that was named, or the default. Raises ValueError for a size that is none."""
    asked: dict[BudgetKind, float] = {}
    if target_bpw is not None:
        asked["target_bpw"] = target_bpw
    if stored_bpw is not None:
        asked["stored_bpw"] = stored_bpw
    if max_size is not None:
        asked["max_size"] = parse_size(max_size)
    if fit is not None:
        asked["fit"] = parse_size(fit, binary=True)
    kind, amount = next(iter(asked.items()), ("target_bpw", DEFAULT_TARGET_BPW))
    return BudgetWish(kind, amount, context)


def parse_size(text: str, *, binary: bool = False) -> int:
    """``5GB``, ``4.7 GiB``, ``900MB`` in bytes. Raises ValueError for anything else.

    With ``binary`` GB means GiB: a Mac sold with 16 GB has 16 x 2^30 bytes.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b)", text.strip(), re.IGNORECASE)
    unit = match[2].upper() if match else ""
    if match is None or unit not in _UNITS or float(match[1]) == 0:
        raise ValueError("a size is a number and a unit, such as 16GB")
    if binary and "I" not in unit and len(unit) == 2:
        unit = f"{unit[0]}I{unit[1]}"
    return int(float(match[1]) * _UNITS[unit])


def exact_size(size_bytes: int, *, binary: bool = False) -> str:
    """What :func:`parse_size` reads back to the byte: ``5GB``, ``16GB`` of memory if ``binary``."""
    for unit in ("TB", "GB", "MB", "KB"):
        scale = _UNITS[f"{unit[0]}IB" if binary else unit]
        if size_bytes % scale == 0:
            return f"{size_bytes // scale}{unit}"
    return f"{size_bytes}B"


def wired_bytes(ram_bytes: int) -> int:
    """What macOS lets the GPU wire of ``ram_bytes`` unless it was told otherwise."""
    over, under = SMALL_MAC_SHARE if ram_bytes <= SMALL_MAC_BYTES else LARGE_MAC_SHARE
    return ram_bytes * over // under


def format_gib(size_bytes: float) -> str:
    """Memory as it is sold: ``16 GB`` is 16 x 2^30 bytes."""
    shown = f"{size_bytes / GIB:.2f}".rstrip("0").rstrip(".")
    return f"{shown} GiB"


def limit_bits(budget: Budget, quantizable: int, parameters: int, fixed_bytes: int) -> int:
    """Bits that the components may take: weights alone if nominal, else with scales and biases.

    ``quantizable`` counts the parameters that the nominal budget spreads over,
    ``parameters`` all of the model; ``fixed_bytes`` is stored in any case.
    """
    if budget.is_nominal:
        return int(budget.amount * quantizable)
    if budget.kind == "stored_bpw":
        return int(budget.amount * parameters) - 8 * fixed_bytes
    room = budget.memory.room_bytes if budget.memory else int(budget.amount)
    return 8 * (room - fixed_bytes)


def impossible(
    budget: Budget, least_bits: int, quantizable: int, parameters: int
) -> BudgetImpossible:
    """The error for a budget below ``least_bits``: everything that it counts at the narrowest."""
    flag = FLAGS[budget.kind]
    narrower = "or allow a narrower width"
    if budget.kind in ("target_bpw", "stored_bpw"):
        least = least_bits / (quantizable if budget.kind == "target_bpw" else parameters)
        return BudgetImpossible(
            f"a budget of {budget} is below the least that these widths and rules need, "
            f"{least:.3f}",
            f"raise {flag} to {_rounded_up(least)} or more, {narrower}",
            budget=budget.amount,
            least=least,
        )
    least_bytes = -(-least_bits // 8)
    needed = f"the weights need at least {format_bytes(least_bytes)} at these widths and rules"
    if budget.memory is None:
        return BudgetImpossible(
            f"{flag} {format_bytes(budget.amount)}: {needed}",
            f"raise {flag} to {_rounded_up(least_bytes / 10**6)}MB or more, {narrower}",
            budget=budget.amount,
            least=least_bytes,
        )
    return BudgetImpossible(
        f"{flag}: {budget.memory}; {needed}",
        f"shorten --context, name a larger Mac, {narrower}",
        budget=budget.amount,
        least=least_bytes,
    )


def _rounded_up(value: float) -> str:
    """To two digits after the point, so that what the remedy says is enough."""
    return f"{-(-value * 100 // 1) / 100:.2f}"
