"""NaN and infinity, bit by bit."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from hubtool.artifact.headers import TensorInfo
from hubtool.checks.tensors import is_finite

NAN_BYTES = {
    "F64": struct.pack("<d", float("nan")),
    "F32": struct.pack("<f", float("-inf")),
    "F16": struct.pack("<e", float("inf")),
    "BF16": b"\x80\xff",
    "F8_E5M2": b"\x7c",
    "F8_E4M3": b"\xff",
    "F8_E8M0": b"\xff",
}


@pytest.mark.parametrize("dtype", NAN_BYTES)
def test_nan_and_infinity_are_seen_in_every_float_type(tmp_path: Path, dtype: str) -> None:
    value = NAN_BYTES[dtype]
    file = tmp_path / "x"
    file.write_bytes(bytes(len(value)) + value)
    finite, not_finite = (
        TensorInfo(dtype, (1,), start, start + len(value)) for start in (0, len(value))
    )
    assert is_finite(file, finite)
    assert not is_finite(file, not_finite)
