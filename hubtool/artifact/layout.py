"""The quant folder: which files it holds and what each is for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar, Literal

from hubtool.errors import JsonUnreadable, PathNotFound
from hubtool.records import FileHash, Record, hash_folder

VISION_SIDECAR = "optiq_vision.safetensors"
MTP_SIDECAR = "optiq/mtp.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PROVENANCE_FILE = "optiq/release.json"

SidecarKind = Literal["vision", "mtp"]


@dataclasses.dataclass(frozen=True)
class Sidecar:
    """Unquantized weights beside the main set; ``vision`` covers audio and projectors too."""

    path: str
    kind: SidecarKind
    tensors: int
    parameters: int
    size_bytes: int
    dtypes: tuple[str, ...]
    modalities: tuple[str, ...]  # of "vision", "audio"; empty for mtp


@dataclasses.dataclass(frozen=True)
class Artifact(Record):
    """A quant folder at rest: its name in the work folder; ``files`` are relative to it."""

    schema: ClassVar[int] = 1
    folder: str
    files: tuple[FileHash, ...]
    sidecars: tuple[Sidecar, ...] = ()


def read_json_object(file: Path) -> dict[str, Any]:
    """The object in a model folder's JSON file. Raises PathNotFound, JsonUnreadable."""
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise PathNotFound(f"no {file.name} in {file.parent}", "name a model's folder") from error
    return parse_json_object(content, file.name)


def parse_json_object(content: bytes | str, name: str) -> dict[str, Any]:
    """The object in the content of a JSON file called ``name``. Raises JsonUnreadable."""
    remedy = f"copy {name} again from where it came"
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise JsonUnreadable(f"{name} is not JSON: {error}", remedy) from error
    if not isinstance(value, dict):
        raise JsonUnreadable(f"{name} holds a {type(value).__name__}, not an object", remedy)
    return value


def artifact_of(folder: Path, sidecars: tuple[Sidecar, ...]) -> Artifact:
    """The folder as it lies on disk now, every file hashed."""
    return Artifact(folder.name, hash_folder(folder), sidecars)
