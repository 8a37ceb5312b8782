"""What a quant really is, read back from its bytes."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from hubtool.artifact.headers import (
    BITS_PER_ELEMENT,
    Header,
    TensorInfo,
    read_headers,
    weight_files,
)
from hubtool.artifact.layout import MTP_SIDECAR, VISION_SIDECAR, read_json_object
from hubtool.errors import PathNotFound, StatsDisagree
from hubtool.records import Record

WORD_BITS = 32  # MLX packs quantized weights into 32-bit words
MODE_DEFAULTS = {"affine": (4, 64), "mxfp4": (4, 32), "nvfp4": (4, 16), "mxfp8": (8, 32)}

Part = Literal["language", "vision", "mtp"]

# where each sidecar may lie: today's place first, then those of older releases
SIDECAR_PLACES: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("vision", (VISION_SIDECAR, f"optiq/{VISION_SIDECAR}")),
    ("mtp", (MTP_SIDECAR, "mtp.safetensors")),
)


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
class PartSize:
    """One part of the weights on disk; ``dtypes`` are safetensors names, sorted."""

    part: Part  # language, vision or mtp
    files: tuple[str, ...]  # paths in the repo
    size_bytes: int  # of the files, headers included
    tensors: int  # how many
    parameters: int  # logical
    dtypes: tuple[str, ...]  # safetensors names, sorted


@dataclasses.dataclass(frozen=True)
class KeptShare:
    """Matrices of the language model that are stored unquantized, of one kind and dtype.

    ``kind`` is their name without layer numbers: ``mlp.gate`` for every router.
    """

    kind: str  # name without layer numbers: `mlp.gate`
    dtype: str  # safetensors name
    matrices: int  # how many
    parameters: int  # of all of them


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
    kept: tuple[KeptShare, ...] = ()  # the largest first


def stats_of_folder(folder: Path) -> QuantStats:
    """The figures of a quant folder, from its headers and ``config.json``.

    Raises PathNotFound without weights or config, JsonUnreadable, BrokenShard, StatsDisagree.
    """
    config_file = folder / "config.json"
    files = weight_files(folder)
    if not files or not config_file.is_file():
        raise PathNotFound(
            f"{folder} has no {'config.json' if files else 'model*.safetensors'}",
            "name the folder of a quantized model",
        )
    headers = read_headers(folder, (*files, *sidecars_among(_below(folder))))
    return stats_from_headers(headers, read_json_object(config_file))


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


def stats_from_headers(headers: Mapping[str, Header], config: Mapping[str, Any]) -> QuantStats:
    """The figures from the headers of all weight files (path -> header) and the config.

    A component is a module whose ``.weight`` is U32 with ``.scales`` beside it;
    its width follows from the config and must fit the shapes. Raises
    StatsDisagree naming the tensor and both figures.
    """
    settings = _settings_of(config)
    tensors = {name: info for header in headers.values() for name, info in header.tensors.items()}
    components = tuple(
        _component(name.removesuffix(".weight"), tensors, settings)
        for name in sorted(tensors)
        if _is_packed(name, tensors)
    )
    logical = _logical_parameters(tensors, components)
    parts = tuple(
        part
        for kind in ("language", "vision", "mtp")
        if (part := _part(kind, headers, logical)) is not None
    )
    parameters = sum(part.parameters for part in parts)
    quantized = sum(component.parameters for component in components)
    weighted = sum(component.bits * component.parameters for component in components)
    data_bytes = sum(header.data_bytes for header in headers.values())
    language = next((part for part in parts if part.part == "language"), None)
    language_bytes = sum(
        header.data_bytes for file, header in headers.items() if part_of(file) == "language"
    )
    return QuantStats(
        components=components,
        widths=_widths(components, quantized),
        parts=parts,
        parameters=parameters,
        quantized_parameters=quantized,
        unquantized_parameters=parameters - quantized,
        nominal_bpw=weighted / quantized if quantized else 0.0,
        stored_bpw=8 * data_bytes / parameters if parameters else 0.0,
        language_stored_bpw=8 * language_bytes / language.parameters if language else 0.0,
        weights_bytes=sum(header.file_bytes for header in headers.values()),
        kept=_kept(headers),
    )


def _below(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors")]


def _is_packed(name: str, tensors: Mapping[str, TensorInfo]) -> bool:
    module = name.removesuffix(".weight")
    return module != name and tensors[name].dtype == "U32" and f"{module}.scales" in tensors


def _settings_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    found = config.get("quantization") or config.get("quantization_config") or {}
    if not isinstance(found, dict):
        raise StatsDisagree(
            f"config.json: quantization is {found!r}, not a mapping", "convert the model again"
        )
    return found


def _whole(module: str, field: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise StatsDisagree(
            f"config.json: {field} of {module} is {value!r}, not a whole number",
            "convert the model again",
            module=module,
        )
    return value


def _component(
    module: str, tensors: Mapping[str, TensorInfo], settings: Mapping[str, Any]
) -> ComponentBits:
    weight, scales = tensors[f"{module}.weight"], tensors[f"{module}.scales"]
    own = settings.get(module)
    chosen = {**settings, **own} if isinstance(own, dict) else settings
    mode = str(chosen.get("mode") or "affine")
    default_bits, default_group = MODE_DEFAULTS.get(mode, (4, 64))
    bits = _whole(module, "bits", chosen.get("bits") or default_bits)
    group_size = _whole(module, "group_size", chosen.get("group_size") or default_group)
    fits = scales.shape[:-1] == weight.shape[:-1] and len(scales.shape) == len(weight.shape) > 0
    if not fits or 0 in (*scales.shape, *weight.shape):
        raise StatsDisagree(
            f"{module}: a weight of shape {list(weight.shape)} cannot have scales of shape "
            f"{list(scales.shape)}",
            "convert the model again",
            module=module,
        )
    columns = weight.shape[-1] * WORD_BITS
    inputs = scales.shape[-1] * group_size
    if columns != inputs * bits:
        raise StatsDisagree(
            f"{module}: config.json says {bits} bit in groups of {group_size}, which for "
            f"{scales.shape[-1]} groups makes {inputs * bits / WORD_BITS:g} packed columns; "
            f"the file has {weight.shape[-1]} ({columns / inputs:g} bit)",
            "the config does not belong to these weights: convert the model again",
            module=module,
            config_bits=bits,
            stored_bits=columns / inputs,
        )
    if mode == "affine" and f"{module}.biases" not in tensors:
        raise StatsDisagree(
            f"{module}: quantized in mode affine, but the file has no {module}.biases",
            "convert the model again",
            module=module,
        )
    return ComponentBits(module, bits, group_size, mode, weight.elements * WORD_BITS // bits)


def _logical_parameters(
    tensors: Mapping[str, TensorInfo], components: Iterable[ComponentBits]
) -> dict[str, int]:
    """Tensor name -> parameters it stands for; scales and biases of components stand for none."""
    logical = {name: info.elements for name, info in tensors.items()}
    for component in components:
        logical[f"{component.name}.weight"] = component.parameters
        logical[f"{component.name}.scales"] = 0
        logical.pop(f"{component.name}.biases", None)
    return logical


def _part(
    kind: Literal["language", "vision", "mtp"],
    headers: Mapping[str, Header],
    logical: Mapping[str, int],
) -> PartSize | None:
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


def _kept(headers: Mapping[str, Header]) -> tuple[KeptShare, ...]:
    """Unquantized tensors of the language part with two dimensions or more: norms are left out."""
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


def _widths(components: Iterable[ComponentBits], quantized: int) -> tuple[WidthShare, ...]:
    counts: Counter[int] = Counter()
    parameters: Counter[int] = Counter()
    for component in components:
        counts[component.bits] += 1
        parameters[component.bits] += component.parameters
    return tuple(
        WidthShare(bits, counts[bits], parameters[bits], parameters[bits] / quantized)
        for bits in sorted(counts)
    )
