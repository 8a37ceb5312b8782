"""A choice: how many bits a component's weights get, and how many weights share a scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal, Self

UNQUANTIZED_BITS = 16
DEFAULT_GROUP_SIZE: Literal[64] = 64
WIDTHS = (2, 3, 4, 5, 6, 8)  # that mlx packs
GROUP_SIZES = (32, 64, 128)  # that mlx and the Hub's counter know
SCALE_BITS = 32  # affine: a 16-bit scale and a 16-bit bias a group


@dataclasses.dataclass(frozen=True, order=True)
class Choice:
    """A width and a group size. ``group_size`` is 0 where nothing is quantized."""

    bits: int
    group_size: int

    @property
    def is_quantized(self) -> bool:
        """False for a component that keeps its 16-bit floats."""
        return self.bits != UNQUANTIZED_BITS

    @property
    def stored_bits(self) -> float:
        """Bits on disk for each weight, with its part of the group's scale and bias."""
        return self.bits + SCALE_BITS / self.group_size if self.is_quantized else self.bits

    @property
    def is_known(self) -> bool:
        """Whether mlx packs it and the Hub counts it."""
        return not self.is_quantized or (self.bits in WIDTHS and self.group_size in GROUP_SIZES)

    def fits(self, input_dims: int) -> bool:
        """Whether rows of ``input_dims`` weights can be cut into these groups."""
        return not self.is_quantized or input_dims % self.group_size == 0

    def key(self, group_size: int) -> str:
        """The choice in a record of this default ``group_size``: ``4``, or ``4/32`` for another."""
        usual = not self.is_quantized or self.group_size == group_size
        return f"{self.bits}" if usual else f"{self.bits}/{self.group_size}"

    def label(self, group_size: int) -> str:
        """For people: ``4 bit``, or ``4 bit/32`` where the group size is not the usual one."""
        if not self.is_quantized:
            return "unquantized"
        usual = self.group_size == group_size
        return f"{self.bits} bit" if usual else f"{self.bits} bit/{self.group_size}"

    @classmethod
    def parse(cls, key: str, group_size: int) -> Self:
        """The choice that :meth:`key` wrote. Raises ValueError for any other text."""
        bits, slash, group = key.partition("/")
        if int(bits) == UNQUANTIZED_BITS:
            return cls(UNQUANTIZED_BITS, 0)
        return cls(int(bits), int(group) if slash else group_size)

    def __str__(self) -> str:
        if not self.is_quantized:
            return "unquantized"
        return f"{self.bits} bit in groups of {self.group_size}"


UNQUANTIZED = Choice(UNQUANTIZED_BITS, 0)


@dataclasses.dataclass(frozen=True)
class ChoiceGrid:
    """Every width with every group size. A width of 16 keeps a component unquantized."""

    bits: tuple[int, ...]
    group_sizes: tuple[int, ...]

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All of them, ascending, each once."""
        return choices_of(self.bits, self.group_sizes)


@dataclasses.dataclass(frozen=True)
class Asked:
    """The widths and the group sizes that somebody asked for by name; empty: any will do."""

    bits: tuple[int, ...] = ()
    group_sizes: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.bits or self.group_sizes)


def choices_of(bits: Iterable[int], group_sizes: Iterable[int]) -> tuple[Choice, ...]:
    """Every width with every group size, ascending, each once."""
    sizes = tuple(group_sizes)
    found = {
        Choice(width, size) if width != UNQUANTIZED_BITS else UNQUANTIZED
        for width in bits
        for size in sizes
    }
    return tuple(sorted(found))


# What a person gets who names no widths; docs/explanation/measuring.md has the figures.
DEFAULT_CHOICES = ChoiceGrid(bits=(3, 4, 5, 6, 8), group_sizes=(32, DEFAULT_GROUP_SIZE, 128))
