"""How much of a quant has which width and group size, and what is kept unquantized."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hubtool.artifact.components import ComponentBits
from hubtool.artifact.headers import Header
from hubtool.artifact.parts import part_of


@dataclasses.dataclass(frozen=True)
class WidthShare:
    """All components of one width. ``parameter_share`` is of the quantized parameters, 0 to 1."""

    bits: int  # the width
    components: int  # modules of it
    parameters: int  # logical
    parameter_share: float  # of the quantized parameters, 0 to 1


@dataclasses.dataclass(frozen=True)
class GroupShare:
    """All components of one group size, as :class:`WidthShare` for widths."""

    group_size: int  # weights that share one scale
    components: int  # modules of it
    parameter_share: float  # of the quantized parameters, 0 to 1


@dataclasses.dataclass(frozen=True)
class KeptShare:
    """Matrices of the language model that are stored unquantized, of one kind and dtype.

    ``kind`` is their name without layer numbers: ``mlp.gate`` for every router.
    """

    kind: str  # name without layer numbers: `mlp.gate`
    dtype: str  # safetensors name
    matrices: int  # how many
    parameters: int  # of all of them


def width_shares(components: Iterable[ComponentBits], quantized: int) -> tuple[WidthShare, ...]:
    """The widths in ascending order; ``quantized``: parameters of all components."""
    counts: Counter[int] = Counter()
    parameters: Counter[int] = Counter()
    for component in components:
        counts[component.bits] += 1
        parameters[component.bits] += component.parameters
    return tuple(
        WidthShare(bits, counts[bits], parameters[bits], parameters[bits] / quantized)
        for bits in sorted(counts)
    )


def group_shares(components: Sequence[ComponentBits]) -> tuple[GroupShare, ...]:
    """How much is quantized in groups of which size, the larger part first."""
    total = sum(component.parameters for component in components)
    parts = {
        size: [one for one in components if one.group_size == size]
        for size in {component.group_size for component in components}
    }
    shares = (
        GroupShare(size, len(part), sum(one.parameters for one in part) / total)
        for size, part in parts.items()
    )
    return tuple(sorted(shares, key=lambda share: (-share.parameter_share, share.group_size)))


def kept_shares(headers: Mapping[str, Header]) -> tuple[KeptShare, ...]:
    """Unquantized tensors of the language part with two dimensions or more, the largest first.

    Norms are left out.
    """
    counts: Counter[tuple[str, str]] = Counter()
    parameters: Counter[tuple[str, str]] = Counter()
    language = [header for file, header in headers.items() if part_of(file) == "language"]
    for header in language:
        for name, info in header.tensors.items():
            if info.dtype == "U32" or name.endswith((".scales", ".biases")) or len(info.shape) < 2:
                continue
            key = (kind_of(name.removesuffix(".weight")), info.dtype)
            counts[key] += 1
            parameters[key] += info.elements
    shares = [
        KeptShare(*key, matrices=count, parameters=parameters[key]) for key, count in counts.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.parameters, share.kind, share.dtype)))


def kind_of(module: str) -> str:
    """What a module is in every layer: ``mlp.gate`` of ``model.layers.7.mlp.gate``."""
    inside = re.split(r"(?:^|\.)\d+\.", module)[-1]
    return inside if inside != module else module.rsplit(".", 1)[-1]
