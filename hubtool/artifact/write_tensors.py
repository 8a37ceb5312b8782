"""Safetensors files whose tensors arrive one by one, in any order."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from hubtool.artifact.headers import BITS_PER_ELEMENT, LENGTH_BYTES

if TYPE_CHECKING:
    import mlx.core as mx

ALIGNMENT_BYTES = 8
DTYPE_NAMES = {
    "bool": "BOOL",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "complex64": "C64",
}  # fmt: skip


class Entry(Protocol):
    """What the header says of a tensor."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def size_bytes(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class PlannedTensor:
    """A tensor to be written: ``dtype`` as safetensors spells it."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, name: str, array: mx.array) -> Self:
        """From an array's shape and type; its values are not computed."""
        return cls(name, DTYPE_NAMES[str(array.dtype).rpartition(".")[2]], tuple(array.shape))

    @property
    def size_bytes(self) -> int:
        """Bytes that it takes in the file."""
        return math.prod(self.shape) * BITS_PER_ELEMENT[self.dtype] // 8


def header_of(entries: Sequence[Entry]) -> bytes:
    """The start of a file that holds ``entries`` in their order, without gaps."""
    fields: dict[str, Any] = {"__metadata__": {"format": "mlx"}}
    at = 0
    for entry in entries:
        fields[entry.name] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": [at, at + entry.size_bytes],
        }
        at += entry.size_bytes
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT_BYTES)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


class TensorFiles:
    """Files being written. ``plan`` maps each file's name to its tensors, in their order.

    The header is written first, so a tensor can go to its place as soon as it
    is there, and need not be kept.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Sequence[PlannedTensor]]) -> None:
        self._streams = {name: (folder / name).open("wb") for name in plan}
        self._places: dict[str, tuple[str, int, PlannedTensor]] = {}
        for file, tensors in plan.items():
            at = self._streams[file].write(header_of(tensors))
            for tensor in tensors:
                self._places[tensor.name] = file, at, tensor
                at += tensor.size_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for stream in self._streams.values():
            stream.close()
        if kind is None and self._places:
            raise AssertionError(f"never written: {', '.join(sorted(self._places))}")

    @property
    def missing(self) -> tuple[str, ...]:
        """Tensors that have not been written, in the order of the files."""
        return tuple(self._places)

    def write(self, name: str, array: mx.array) -> None:
        """Put ``array`` in the place of tensor ``name``; it is computed now. Once for each."""
        import mlx.core as mx
        import numpy as np

        file, at, planned = self._places.pop(name)
        if PlannedTensor.of(name, array) != planned:
            raise AssertionError(f"planned {planned}, got {array.dtype} {array.shape}")
        # numpy has no bfloat16; bits are bits
        raw = array.view(mx.uint16) if array.dtype == mx.bfloat16 else array
        values = np.ascontiguousarray(np.array(raw, copy=False))
        self._streams[file].seek(at)
        self._streams[file].write(values.reshape(-1).view(np.uint8).data)
