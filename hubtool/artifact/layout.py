"""The quant folder: which files it holds and what each is for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar, Literal

from hubtool.records import FileHash, Record, hash_folder

VISION_SIDECAR = "optiq_vision.safetensors"
MTP_SIDECAR = "optiq/mtp.safetensors"
INDEX_FILE = "model.safetensors.index.json"

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


def artifact_of(folder: Path, sidecars: tuple[Sidecar, ...]) -> Artifact:
    """The folder as it lies on disk now, every file hashed."""
    return Artifact(folder.name, hash_folder(folder), sidecars)
