"""The split: towers bit for bit in the sidecar, index and config that every reader understands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hubtool.artifact.copy_tensors import TensorCopy, copy_tensors
from hubtool.artifact.headers import read_header, read_index
from hubtool.artifact.layout import MTP_SIDECAR, VISION_SIDECAR
from hubtool.artifact.split import SINGLE_SHARD, split_towers
from hubtool.records import hash_folder

VISION = {"hidden_size": 8}
KERNEL = "model.visual.patch_embed.proj.weight"


def save(file: Path, tensors: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """A safetensors file; uint16 stands for BF16."""
    header: dict[str, Any] = {}
    kinds = {"uint16": "BF16", "float32": "F32", "float16": "F16", "int64": "I64"}
    at = 0
    for name, array in tensors.items():
        offsets = [at, at + array.nbytes]
        header[name] = {
            "dtype": kinds[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": offsets,
        }
        at = offsets[1]
    text = json.dumps(header).encode()
    data = b"".join(array.tobytes() for array in tensors.values())
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def load(file: Path, name: str) -> np.ndarray[Any, Any]:
    """One tensor's stored bits."""
    info = read_header(file).tensors[name]
    kinds = {"BF16": np.uint16, "F32": np.float32, "I64": np.int64}
    data = file.read_bytes()[info.start : info.end]
    return np.frombuffer(data, dtype=kinds[info.dtype]).reshape(info.shape)


def bits(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 2**16, shape, dtype=np.uint16)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A Qwen3-VL-shaped base of two shards with a speculative head."""
    folder = tmp_path / "base"
    folder.mkdir()
    config = {"model_type": "qwen3_vl", "vision_config": VISION, "image_token_id": 7}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text("{}")
    save(
        folder / "model-00001-of-00002.safetensors",
        {
            "model.language_model.norm.weight": bits(8),
            KERNEL: bits(5, 3, 2, 4, 4),
            "model.visual.blocks.0.attn.qkv.weight": bits(6, 8, seed=1),
        },
    )
    save(
        folder / "model-00002-of-00002.safetensors",
        {
            "model.visual.merger.norm.weight": np.array([1.0, 1.00390625, -0.0], np.float32),
            "model.visual.counts": np.arange(3),
            "mtp.fc.weight": bits(4, 4, seed=2),
        },
    )
    return folder


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    """What mlx-lm leaves of it: one shard, its index, no vision_config."""
    folder = tmp_path / "quant"
    folder.mkdir()
    save(folder / "model.safetensors", {"language_model.model.norm.weight": bits(8)})
    weight_map = {"language_model.model.norm.weight": "model.safetensors"}
    index = {"metadata": {"total_size": 16, "total_parameters": 8}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    quantization = {"group_size": 64, "bits": 4}
    config = {"model_type": "qwen3_vl", "quantization": quantization}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def split(base: Path, quant: Path, **options: bool) -> Any:
    wanted = {"vision": True, "mtp": True, **options}
    return split_towers(base, quant, base_repo="acme/base", **wanted)


def test_tower_tensors_are_the_bases_own_bit_for_bit(base: Path, quant: Path) -> None:
    (vision, mtp) = split(base, quant)
    sidecar = quant / VISION_SIDECAR
    first, second = sorted(base.glob("*.safetensors"))
    qkv = load(first, "model.visual.blocks.0.attn.qkv.weight")
    assert np.array_equal(load(sidecar, "vision_tower.blocks.0.attn.qkv.weight"), qkv)
    moved = load(first, KERNEL).transpose(0, 2, 3, 4, 1)
    assert np.array_equal(load(sidecar, "vision_tower.patch_embed.proj.weight"), moved)
    assert load(sidecar, "vision_tower.merger.norm.weight").tolist() == [0x3F80, 0x3F80, 0x8000]
    assert load(sidecar, "vision_tower.counts").tolist() == [0, 1, 2]
    assert np.array_equal(load(quant / MTP_SIDECAR, "mtp.fc.weight"), load(second, "mtp.fc.weight"))
    assert (vision.tensors, vision.parameters, vision.dtypes) == (
        4,
        480 + 48 + 3 + 3,
        ("BF16", "I64"),
    )
    assert (mtp.path, mtp.tensors) == ("optiq/mtp.safetensors", 1)


def test_the_index_holds_the_sidecar_and_not_the_head(base: Path, quant: Path) -> None:
    split(base, quant)
    index = read_index(quant)
    assert index is not None
    assert index.files == (SINGLE_SHARD, VISION_SIDECAR)
    assert "mtp.fc.weight" not in index.weight_map
    assert not (quant / "model.safetensors").exists()
    files = [quant / file for file in index.files]
    assert index.metadata["total_size"] == sum(read_header(file).data_bytes for file in files)
    assert index.metadata["total_parameters"] == 8 + (480 + 48 + 3 + 3)  # the Hub shows both


def test_the_config_gets_back_what_the_conversion_dropped(base: Path, quant: Path) -> None:
    split(base, quant)
    config = json.loads((quant / "config.json").read_text())
    assert config["vision_config"] == VISION
    assert config["image_token_id"] == 7
    assert config["quantization"] == {"group_size": 64, "bits": 4}
    assert config["optiq_vision"] == {
        "sidecar": VISION_SIDECAR,
        "dtype": "bfloat16",
        "n_tensors": 4,
        "base_model": "acme/base",
    }
    assert (quant / "preprocessor_config.json").is_file()


def test_splitting_again_changes_no_byte(base: Path, quant: Path) -> None:
    split(base, quant)
    before = hash_folder(quant)
    split(base, quant)
    assert hash_folder(quant) == before


def test_files_shared_with_another_folder_stay_as_they_were(
    base: Path, quant: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    for file in quant.iterdir():
        os.link(file, twin / file.name)
    before = hash_folder(twin)
    split(base, quant)
    assert hash_folder(twin) == before


def test_without_towers_nothing_claims_them(base: Path, quant: Path) -> None:
    (quant / "config.json").write_text(json.dumps({"vision_config": VISION, "quantization": {}}))
    assert [sidecar.kind for sidecar in split(base, quant, vision=False)] == ["mtp"]
    assert "vision_config" not in json.loads((quant / "config.json").read_text())
    assert (quant / "model.safetensors").is_file()
    assert split(base, quant, vision=False, mtp=False)[0].kind == "mtp"  # kept: it was there


def test_a_sidecar_that_is_there_is_kept_and_moved_to_the_root(base: Path, quant: Path) -> None:
    (quant / "optiq").mkdir()
    save(quant / f"optiq/{VISION_SIDECAR}", {"vision_tower.x": bits(4)})
    before = (quant / f"optiq/{VISION_SIDECAR}").read_bytes()
    (vision, _) = split(base, quant)
    assert (quant / VISION_SIDECAR).read_bytes() == before
    assert not (quant / f"optiq/{VISION_SIDECAR}").exists()
    assert vision.tensors == 1


def test_towers_in_the_main_set_are_left_there(base: Path, quant: Path) -> None:
    save(quant / "model.safetensors", {"vision_tower.blocks.0.attn.qkv.weight": bits(6, 8)})
    assert [sidecar.kind for sidecar in split(base, quant)] == ["mtp"]
    assert not (quant / VISION_SIDECAR).exists()
    config = json.loads((quant / "config.json").read_text())
    assert config["vision_config"] == VISION
    assert "optiq_vision" not in config


def test_wider_floats_round_to_nearest_even(tmp_path: Path) -> None:
    values = np.array([1.00390625, 1.01171875, 3.4e38, np.inf, 1e-45], np.float32)
    save(tmp_path / "a", {"x": values})
    info = read_header(tmp_path / "a").tensors["x"]
    copy_tensors(tmp_path / "b", [TensorCopy(tmp_path / "a", info, "x")])
    assert load(tmp_path / "b", "x").tolist() == [0x3F80, 0x3F82, 0x7F80, 0x7F80, 0]


MEMORY = """
import resource, sys
from pathlib import Path
from hubtool.artifact.copy_tensors import TensorCopy, copy_tensors
from hubtool.artifact.headers import read_header
import numpy
file = Path(sys.argv[1])
info = read_header(file).tensors["x"]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
copy_tensors(file.with_name("out"), [TensorCopy(file, info, "x", True)])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_below_the_largest_tensor(tmp_path: Path) -> None:
    size = 128_000_000
    shape = [64, 4, 250, 1000]
    header = {"x": {"dtype": "BF16", "shape": shape, "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    file = tmp_path / "big"
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + size)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(file)], capture_output=True, text=True, check=True
    )
    kilobytes = int(done.stdout) / (1024 if sys.platform == "darwin" else 1)
    assert kilobytes * 1000 < size / 2
