"""Safetensors headers, local and remote, read with distrust.

The format: 8 bytes little-endian header length n, n bytes of JSON (tensor name
-> dtype, shape, data_offsets; and ``__metadata__``), then the tensors' bytes
without gaps. Nothing is allocated by what a header merely claims.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

from hubtool.artifact.layout import INDEX_FILE
from hubtool.errors import BrokenShard, PathNotFound, UnsafePath

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 25_000_000  # the Hub's own limit

BITS_PER_ELEMENT: Mapping[str, int] = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """A tensor's dtype, shape, and its bytes [start, end) within the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def elements(self) -> int:
        """Stored elements; a packed tensor has fewer than its logical parameters."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self.end - self.start


@dataclasses.dataclass(frozen=True)
class Header:
    """One file's header. ``data_bytes`` is what the tensors take, without the header."""

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    header_bytes: int  # with the 8 length bytes
    file_bytes: int

    @property
    def data_bytes(self) -> int:
        """Bytes of all tensors."""
        return self.file_bytes - self.header_bytes


@dataclasses.dataclass(frozen=True)
class Index:
    """``model.safetensors.index.json``: tensor name -> file name, and its metadata."""

    weight_map: dict[str, str]
    metadata: dict[str, Any]

    @property
    def files(self) -> tuple[str, ...]:
        """The files it names, each once, sorted."""
        return tuple(sorted(set(self.weight_map.values())))


def header_length(first8: bytes, file_size: int, *, name: str = "file") -> int:
    """Bytes of the JSON part. Raises BrokenShard for a length that cannot be."""
    if len(first8) < LENGTH_BYTES or file_size < LENGTH_BYTES:
        raise _broken(name, f"is {file_size} bytes long, too short for safetensors")
    length = int.from_bytes(first8[:LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        raise _broken(name, f"claims a header of {length} bytes, the limit is {MAX_HEADER_BYTES}")
    if length + LENGTH_BYTES > file_size:
        raise _broken(name, f"claims a header of {length} bytes in a file of {file_size}")
    return length


def parse_header(data: bytes, file_size: int, *, name: str = "file") -> Header:
    """The header at the start of ``data`` (byte 0 of a file of ``file_size`` bytes).

    Raises BrokenShard naming file and tensor for anything that does not add up.
    """
    length = header_length(data[:LENGTH_BYTES], file_size, name=name)
    text = data[LENGTH_BYTES : LENGTH_BYTES + length]
    if len(text) < length:
        raise _broken(name, f"its header has {len(text)} of {length} bytes")
    raw = _parse_json(text, name)
    metadata = raw.pop("__metadata__", None)
    if metadata is None:  # mlx writes null for none
        metadata = {}
    if not isinstance(metadata, dict):
        raise _broken(name, "its __metadata__ is not a mapping")
    start = LENGTH_BYTES + length
    tensors = {key: _tensor(key, value, start, file_size, name) for key, value in raw.items()}
    _require_no_gaps(tensors, start, file_size, name)
    strings = {str(key): str(value) for key, value in metadata.items()}
    return Header(tensors, strings, start, file_size)


def read_header(path: Path) -> Header:
    """The header of a local file. Errors name its path."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        first = stream.read(LENGTH_BYTES)
        length = header_length(first, size, name=str(path))
        return parse_header(first + stream.read(length), size, name=str(path))


def read_remote_header(
    read_range: Callable[[int, int], bytes], file_size: int, *, name: str = "file"
) -> Header:
    """The header of a remote file by ``read_range(start, length)``: its length, then itself.

    Two requests, and not one byte of a weight.
    """
    first = read_range(0, min(LENGTH_BYTES, file_size))
    length = header_length(first, file_size, name=name)
    return parse_header(first + read_range(LENGTH_BYTES, length), file_size, name=name)


def read_index(folder: Path) -> Index | None:
    """The folder's index, None without one. Raises BrokenShard, UnsafePath."""
    file = folder / INDEX_FILE
    if not file.is_file():
        return None
    return parse_index(file.read_bytes(), name=str(file))


def parse_index(content: bytes, *, name: str = INDEX_FILE) -> Index:
    """An index from its bytes, with every file name checked before use."""
    raw = _parse_json(content, name)
    weight_map, metadata = raw.get("weight_map"), raw.get("metadata") or {}
    if not isinstance(weight_map, dict) or not isinstance(metadata, dict):
        raise _broken(name, "has no weight_map")
    for tensor, file in weight_map.items():
        require_safe_path(file, f"{name}: {tensor}")
    return Index(weight_map, metadata)


def require_safe_path(path: object, where: str) -> None:
    """Refuse (UnsafePath) anything but a plain relative POSIX path that stays in its folder."""
    safe = (
        isinstance(path, str)
        and path != ""
        and "\\" not in path
        and "\0" not in path
        and not path.startswith("/")
        and ":" not in path.split("/")[0]
        and not {"", ".", ".."} & set(PurePosixPath(path).parts)
    )
    if not safe:
        raise UnsafePath(
            f"{where} points to {path!r}, which leaves the folder",
            "do not use this repo: its index is broken or hostile",
        )


def weight_files(folder: Path) -> tuple[str, ...]:
    """The safetensors files in the root of ``folder`` that hold the model: ``model*.safetensors``.

    This is what mlx-lm loads; sidecars have other names.
    """
    return tuple(sorted(file.name for file in folder.glob("model*.safetensors")))


def require_weight_files(folder: Path) -> tuple[str, ...]:
    """The :func:`weight_files` of a folder that must have some. Raises PathNotFound."""
    files = weight_files(folder)
    if not files:
        raise PathNotFound(
            f"{folder} has no weights: no model*.safetensors",
            "name the folder of a whole model; `hf download ORG/NAME --local-dir DIR` makes one",
        )
    return files


def read_headers(folder: Path, files: tuple[str, ...]) -> dict[str, Header]:
    """File name -> header. Raises UnsafePath for a link that leaves the folder, BrokenShard."""
    found = {}
    for name in files:
        require_safe_path(name, folder.name)
        if not (folder / name).is_file():
            raise _broken(str(folder / name), "is named by the index and does not exist")
        found[name] = read_header(folder / name)
    return found


def tensor_names(folder: Path) -> tuple[str, ...]:
    """All tensors of the safetensors files in the root of ``folder``, sorted."""
    files = tuple(sorted(file.name for file in folder.glob("*.safetensors")))
    headers = read_headers(folder, files).values()
    return tuple(sorted(name for header in headers for name in header.tensors))


def _parse_json(text: bytes, name: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            twice = next(key for key, _ in pairs if [k for k, _ in pairs].count(key) > 1)
            raise _broken(name, f"names {twice!r} twice")
        return result

    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise _broken(name, f"is not JSON where it should be: {error}") from error
    if not isinstance(value, dict):
        raise _broken(name, "does not hold a JSON object")
    return value


def _tensor(key: str, value: object, start: int, file_size: int, name: str) -> TensorInfo:
    fields = value if isinstance(value, dict) else {}
    dtype, shape, offsets = (fields.get(part) for part in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in BITS_PER_ELEMENT:
        raise _broken(name, f"{key}: dtype {dtype!r} is not known")
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2:
        raise _broken(name, f"{key}: shape {shape!r} or offsets {offsets!r} cannot be")
    first, last = offsets
    info = TensorInfo(dtype, tuple(shape), start + first, start + last)
    wanted = info.elements * BITS_PER_ELEMENT[dtype] // 8
    if info.size_bytes != wanted:
        raise _broken(
            name, f"{key}: {dtype} {list(info.shape)} needs {wanted} bytes, found {info.size_bytes}"
        )
    if info.end > file_size:
        raise _broken(name, f"{key}: ends at byte {info.end} of a file of {file_size}: truncated")
    return info


def _naturals(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _require_no_gaps(tensors: dict[str, TensorInfo], start: int, file_size: int, name: str) -> None:
    at = start
    for key, info in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if info.start != at:
            word = "overlaps the tensor before it" if info.start < at else "leaves a gap before it"
            raise _broken(name, f"{key}: {word} (starts at byte {info.start}, expected {at})")
        at = info.end
    if at != file_size:
        raise _broken(name, f"its tensors end at byte {at}, the file at {file_size}")


def _broken(name: str, what: str) -> BrokenShard:
    return BrokenShard(f"{name}: {what}", "fetch the file again, or ask its publisher to mend it")
