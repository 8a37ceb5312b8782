"""The parts of the weights on disk: the language model, and the sidecars beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal

from hubtool.artifact.headers import BITS_PER_ELEMENT, Header
from hubtool.artifact.layout import MTP_SIDECAR, VISION_SIDECAR

Part = Literal["language", "vision", "mtp"]

# where each sidecar may lie: today's place first, then those of older releases
SIDECAR_PLACES: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("vision", (VISION_SIDECAR, f"optiq/{VISION_SIDECAR}")),
    ("mtp", (MTP_SIDECAR, "mtp.safetensors")),
)


@dataclasses.dataclass(frozen=True)
class PartSize:
    """One part of the weights on disk; ``dtypes`` are safetensors names, sorted."""

    part: Part  # language, vision or mtp
    files: tuple[str, ...]  # paths in the repo
    size_bytes: int  # of the files, headers included
    tensors: int  # how many
    parameters: int  # logical
    dtypes: tuple[str, ...]  # safetensors names, sorted


def sidecars_among(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of ``paths`` that are sidecars; an old and a new place of one kind: the new."""
    present = set(paths)
    found = (
        next((place for place in places if place in present), None) for _, places in SIDECAR_PLACES
    )
    return tuple(place for place in found if place is not None)


def part_of(file: str) -> Part:
    """Which part of the weights a file holds."""
    return next((part for part, places in SIDECAR_PLACES if file in places), "language")


def parts_of(headers: Mapping[str, Header], logical: Mapping[str, int]) -> tuple[PartSize, ...]:
    """The parts that there are; ``logical``: tensor name -> parameters it stands for."""
    found = (_part(kind, headers, logical) for kind in ("language", "vision", "mtp"))
    return tuple(part for part in found if part is not None)


def _part(kind: Part, headers: Mapping[str, Header], logical: Mapping[str, int]) -> PartSize | None:
    files = tuple(sorted(file for file in headers if part_of(file) == kind))
    if not files:
        return None
    names = [name for file in files for name in headers[file].tensors]
    dtypes = {info.dtype for file in files for info in headers[file].tensors.values()}
    return PartSize(
        part=kind,
        files=files,
        size_bytes=sum(headers[file].file_bytes for file in files),
        tensors=len(names),
        parameters=sum(logical.get(name, 0) for name in names),
        dtypes=tuple(sorted(dtypes, key=lambda dtype: (BITS_PER_ELEMENT[dtype], dtype))),
    )
