"""Which weights a folder holds, without reading them all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hubtool.artifact.headers import TensorInfo, read_headers, require_weight_files

SAMPLES = 512  # tensors that bytes are read of
SAMPLE_BYTES = 4096  # of each, from its middle


def weights_sha256(folder: Path) -> str:
    """sha256 (hex) of the names, types and shapes of all tensors and of bytes from the weights.

    At most ``SAMPLES`` x ``SAMPLE_BYTES`` are read beside the headers, of tensors that a
    hash of their names picks. A new training or a merged adapter changes some of them;
    other shards, file names and metadata change nothing, and neither do tensors that
    were edited elsewhere than in the middle.
    Raises PathNotFound without ``model*.safetensors``, BrokenShard, UnsafePath.
    """
    tensors = {
        name: (file, info)
        for file, header in read_headers(folder, require_weight_files(folder)).items()
        for name, info in header.tensors.items()
    }
    digest = hashlib.sha256()
    for name, (_, info) in sorted(tensors.items()):
        digest.update(f"{name} {info.dtype} {list(info.shape)}\n".encode())
    for name in sorted(tensors, key=_draw)[:SAMPLES]:
        file, info = tensors[name]
        digest.update(_middle(folder / file, info))
    return digest.hexdigest()


def _draw(name: str) -> bytes:
    """A place in an order that no numbering of layers or experts goes along with."""
    return hashlib.sha256(name.encode()).digest()


def _middle(file: Path, info: TensorInfo) -> bytes:
    taken = min(SAMPLE_BYTES, info.size_bytes)
    with file.open("rb") as stream:
        stream.seek(info.start + (info.size_bytes - taken) // 2)
        return stream.read(taken)


def cached_repo(folder: Path) -> tuple[str, str] | None:
    """ORG/NAME and commit, if ``folder`` is where huggingface_hub's cache keeps a snapshot."""
    parts = folder.absolute().parts[-3:]
    if len(parts) < 3 or parts[1] != "snapshots" or not parts[0].startswith("models--"):
        return None
    return parts[0].removeprefix("models--").replace("--", "/", 1), parts[2]
