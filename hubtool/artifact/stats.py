"""What a quant really is, read back from its bytes."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

from hubtool.records import Record

Part = Literal["language", "vision", "mtp"]


@dataclasses.dataclass(frozen=True)
class ComponentBits:
    """One quantized module as stored. ``parameters`` is logical (elements x 32 / bits)."""

    name: str
    bits: int
    group_size: int
    mode: str  # affine, mxfp4, nvfp4, mxfp8
    parameters: int


@dataclasses.dataclass(frozen=True)
class WidthShare:
    """All components of one width. ``parameter_share`` is of the quantized parameters, 0 to 1."""

    bits: int
    components: int
    parameters: int
    parameter_share: float


@dataclasses.dataclass(frozen=True)
class PartSize:
    """One part of the weights on disk; ``dtypes`` are safetensors names, sorted."""

    part: Part
    files: tuple[str, ...]
    size_bytes: int
    tensors: int
    parameters: int
    dtypes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class QuantStats(Record):
    """The figures that a card may state. Headers beat config.json beats metadata.

    ``nominal_bpw`` = sum(bits x parameters) / sum(parameters) over quantized
    components. ``stored_bpw`` = all weight bytes x 8 / all logical parameters
    (header bytes of safetensors files excluded, scales, biases and unquantized
    tensors included); ``language_stored_bpw`` the same over the language part.
    """

    schema: ClassVar[int] = 1
    components: tuple[ComponentBits, ...]
    widths: tuple[WidthShare, ...]  # ascending bits
    parts: tuple[PartSize, ...]
    parameters: int  # logical, all parts
    quantized_parameters: int
    unquantized_parameters: int
    nominal_bpw: float
    stored_bpw: float
    language_stored_bpw: float
    weights_bytes: int  # bytes of all weight files
