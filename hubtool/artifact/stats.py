"""What a quant really is, read back from its bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hubtool.artifact.components import ComponentBits, components_of, logical_parameters
from hubtool.artifact.headers import Header, read_headers, weight_files
from hubtool.artifact.layout import read_json_object
from hubtool.artifact.parts import PartSize, part_of, parts_of, sidecars_among
from hubtool.artifact.shares import KeptShare, WidthShare, kept_shares, width_shares
from hubtool.errors import PathNotFound
from hubtool.records import Record


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


def stats_from_headers(headers: Mapping[str, Header], config: Mapping[str, Any]) -> QuantStats:
    """The figures from the headers of all weight files (path -> header) and the config.

    A component is a module whose ``.weight`` is U32 with ``.scales`` beside it;
    its width follows from the config and must fit the shapes. Raises
    StatsDisagree naming the tensor and both figures.
    """
    tensors = {name: info for header in headers.values() for name, info in header.tensors.items()}
    components = components_of(tensors, config)
    parts = parts_of(headers, logical_parameters(tensors, components))
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
        widths=width_shares(components, quantized),
        parts=parts,
        parameters=parameters,
        quantized_parameters=quantized,
        unquantized_parameters=parameters - quantized,
        nominal_bpw=weighted / quantized if quantized else 0.0,
        stored_bpw=8 * data_bytes / parameters if parameters else 0.0,
        language_stored_bpw=8 * language_bytes / language.parameters if language else 0.0,
        weights_bytes=sum(header.file_bytes for header in headers.values()),
        kept=kept_shares(headers),
    )


def _below(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors")]
