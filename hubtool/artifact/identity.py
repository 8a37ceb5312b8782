"""Which weights a folder holds, without reading them all."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from hubtool.artifact.headers import TensorInfo, read_headers, require_weight_files
from hubtool.artifact.layout import read_json_object

SAMPLES = 512  # tensors that bytes are read of
SAMPLE_BYTES = 4096  # of each, from its middle
_UNUSED = re.compile(r"rotary_emb\.inv_freq$")


def weights_sha256(folder: Path) -> str:
    """sha256 (hex) of the names, types and shapes of all tensors and of bytes from the weights.

    At most ``SAMPLES`` x ``SAMPLE_BYTES`` are read beside the headers: as many of each kind
    of tensor, layers and experts picked by a hash. A new training or a merged adapter
    changes some of them; other shards, file names and metadata change nothing, and neither
    do tensors that were edited elsewhere than in the middle, or that loading leaves out: a
    copy of the embedding where the config ties the head to it, and tables of positions.
    Raises PathNotFound without ``model*.safetensors``, BrokenShard, UnsafePath.
    """
    tied = _ties_its_head(folder / "config.json")
    tensors = {
        name: (file, info)
        for file, header in read_headers(folder, require_weight_files(folder)).items()
        for name, info in header.tensors.items()
        if not _UNUSED.search(name) and not (tied and name.endswith("lm_head.weight"))
    }
    digest = hashlib.sha256()
    for name, (_, info) in sorted(tensors.items()):
        digest.update(f"{name} {info.dtype} {list(info.shape)}\n".encode())
    for name in _drawn(tensors)[:SAMPLES]:
        file, info = tensors[name]
        digest.update(_middle(folder / file, info))
    return digest.hexdigest()


def _ties_its_head(config: Path) -> bool:
    if not config.exists():
        return False
    data = read_json_object(config)
    return bool((data.get("text_config") or data).get("tie_word_embeddings"))


def _drawn(names: Iterable[str]) -> list[str]:
    """All names, one of each kind in turn: experts are many, adapters change attention."""
    by_kind: dict[str, list[str]] = {}
    for name in sorted(names, key=_draw):
        by_kind.setdefault(re.sub(r"\d+", "#", name), []).append(name)
    turns = itertools.zip_longest(*(by_kind[kind] for kind in sorted(by_kind)))
    return [name for turn in turns for name in turn if name is not None]


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
    parts = folder.resolve().parts[-3:]
    if len(parts) < 3 or parts[1] != "snapshots" or not parts[0].startswith("models--"):
        return None
    return parts[0].removeprefix("models--").replace("--", "/", 1), parts[2]
