"""Headers of safetensors files as tools write them, and errors that name the file."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import mlx.core as mx
import pytest

from hubtool.artifact.headers import read_header, read_headers, read_index
from hubtool.errors import BrokenShard, UnsafePath


def write(file: Path, header: object, data: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return file


def test_metadata_of_null_is_none(tmp_path: Path) -> None:
    """As mlx writes it where it is given none."""
    file = tmp_path / "model.safetensors"
    mx.save_safetensors(str(file), {"x": mx.zeros((2, 3))})
    assert b'"__metadata__":null' in file.read_bytes()
    header = read_header(file)
    assert header.metadata == {}
    assert header.tensors["x"].shape == (2, 3)


@pytest.mark.parametrize("metadata", ["text", [1], 0, False])
def test_metadata_of_another_kind_is_refused_with_the_whole_path(
    tmp_path: Path, metadata: object
) -> None:
    file = write(tmp_path / "one/model.safetensors", {"__metadata__": metadata})
    with pytest.raises(BrokenShard) as raised:
        read_header(file)
    assert raised.value.message == f"{file}: its __metadata__ is not a mapping"


def test_errors_of_a_folder_name_the_folder(tmp_path: Path) -> None:
    """Of a base and its quant both have a model.safetensors."""
    write(tmp_path / "quant/model.safetensors", {"x": {"dtype": "X9"}})
    with pytest.raises(BrokenShard, match=r"quant/model\.safetensors: x: dtype 'X9'"):
        read_headers(tmp_path / "quant", ("model.safetensors",))
    with pytest.raises(BrokenShard, match=r"quant/other\.safetensors: is named by the index"):
        read_headers(tmp_path / "quant", ("other.safetensors",))
    index = tmp_path / "quant/model.safetensors.index.json"
    index.write_text("[]")
    with pytest.raises(BrokenShard, match=r"quant/model\.safetensors\.index\.json: does not hold"):
        read_index(tmp_path / "quant")
    index.write_text(json.dumps({"weight_map": {"x": "../y"}}))
    with pytest.raises(UnsafePath, match=r"quant/model\.safetensors\.index\.json: x points to"):
        read_index(tmp_path / "quant")
