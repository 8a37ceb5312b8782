"""Tensors from one safetensors file to another, a few megabytes at a time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hubtool.artifact.headers import BITS_PER_ELEMENT, TensorInfo
from hubtool.artifact.write_tensors import header_of

if TYPE_CHECKING:
    import numpy as np

CHUNK_BYTES = 8_000_000
_TO_BF16 = ("F16", "F32", "F64")


@dataclasses.dataclass(frozen=True)
class TensorCopy:
    """One tensor to write: where it lies, its new name, and whether its kernel axis moves.

    Floats become BF16; integers keep their dtype. ``channels_last`` moves axis
    1 to the end.
    """

    file: Path
    info: TensorInfo
    name: str
    channels_last: bool = False

    @property
    def dtype(self) -> str:
        """The dtype that is written."""
        return "BF16" if self.info.dtype in _TO_BF16 else self.info.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that is written."""
        shape = self.info.shape
        moves = self.channels_last and len(shape) > 2
        return (shape[0], *shape[2:], shape[1]) if moves else shape

    @property
    def size_bytes(self) -> int:
        """Bytes that are written."""
        return self.info.elements * BITS_PER_ELEMENT[self.dtype] // 8


def copy_tensors(
    target: Path,
    copies: Sequence[TensorCopy],
    advance: Callable[[int], None] = lambda size: None,
) -> None:
    """Write a safetensors file of ``copies`` in their order, whole or not at all.

    Equal input gives equal bytes. Memory stays at a few chunks whatever the
    size of a tensor. ``advance`` is told the bytes written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".partial")
    with temporary.open("wb") as stream:
        stream.write(header_of(copies))
        for copy in copies:
            for chunk in _chunks(copy):
                stream.write(chunk)
                advance(len(chunk))
    temporary.replace(target)


def _chunks(copy: TensorCopy) -> Iterator[bytes]:
    with copy.file.open("rb") as stream:
        stream.seek(copy.info.start)
        if copy.shape == copy.info.shape:
            yield from _straight(stream, copy)
        else:
            yield from _moved(stream, copy)


def _straight(stream: BinaryIO, copy: TensorCopy) -> Iterator[bytes]:
    left = copy.info.size_bytes
    while left:
        data = stream.read(min(CHUNK_BYTES, left))
        if not data:
            raise EOFError(f"{copy.file.name} ended within {copy.name}")
        left -= len(data)
        yield _converted(data, copy)


def _moved(stream: BinaryIO, copy: TensorCopy) -> Iterator[bytes]:
    """Rows of axis 0, some at a time: that axis stays where it is."""
    import numpy as np

    rows, *rest = copy.info.shape
    width = BITS_PER_ELEMENT[copy.info.dtype] // 8
    row_bytes = math.prod(rest) * width
    step = max(1, CHUNK_BYTES // max(1, row_bytes))
    for start in range(0, rows, step):
        count = min(step, rows - start)
        block = np.frombuffer(stream.read(count * row_bytes), dtype=f"V{width}")
        moved = np.moveaxis(block.reshape(count, *rest), 1, -1)
        yield _converted(np.ascontiguousarray(moved).tobytes(), copy)


def _converted(data: bytes, copy: TensorCopy) -> bytes:
    """The bytes as they are, or wider floats rounded to BF16."""
    if copy.dtype == copy.info.dtype:
        return data
    import numpy as np

    kinds = {"F16": np.float16, "F32": np.float32, "F64": np.float64}
    return _bf16(np.frombuffer(data, dtype=kinds[copy.info.dtype]))


def _bf16(values: np.ndarray[Any, Any]) -> bytes:
    import mlx.core as mx
    import numpy as np

    rounded = mx.array(values.astype(np.float32)).astype(mx.bfloat16).view(mx.uint16)
    return np.array(rounded).tobytes()
