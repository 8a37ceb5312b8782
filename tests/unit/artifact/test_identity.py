"""The hash of a folder's weights: other weights, another hash; other files, the same."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx
import pytest

from hubtool.artifact import identity
from hubtool.artifact.identity import cached_repo, weights_sha256
from hubtool.errors import PathNotFound

MiB = 1 << 20


def write(folder: Path, tensors: dict[str, mx.array], shards: int = 1) -> Path:
    folder.mkdir()
    names = list(tensors)
    for number in range(shards):
        part = {name: tensors[name] for name in names[number::shards]}
        mx.save_safetensors(str(folder / f"model-{number}.safetensors"), part)
    return folder


def tensors(seed: int = 0) -> dict[str, mx.array]:
    mx.random.seed(seed)
    return {
        f"layers.{number}.{name}": mx.random.normal((48, 96)).astype(mx.bfloat16)
        for number in range(4)
        for name in ("up.weight", "down.weight")
    }


def test_shards_and_metadata_change_nothing(tmp_path: Path) -> None:
    whole = weights_sha256(write(tmp_path / "a", tensors()))
    assert len(whole) == 64
    assert weights_sha256(write(tmp_path / "b", tensors(), shards=3)) == whole
    mx.save_safetensors(str(tmp_path / "b/sidecar.safetensors"), {"x": mx.zeros(3)})
    assert weights_sha256(tmp_path / "b") == whole


@pytest.mark.parametrize("changed", ["values", "adapter", "name", "type", "shape", "fewer"])
def test_other_weights_have_another_hash(tmp_path: Path, changed: str) -> None:
    one = tensors()
    before = weights_sha256(write(tmp_path / "a", one))
    name = "layers.2.up.weight"
    if changed == "values":
        one = tensors(seed=1)
    elif changed == "adapter":  # norms are as they were, one matrix is a little different
        update = mx.random.normal((48, 2)) @ mx.random.normal((2, 96)) * 0.01
        one[name] = (one[name].astype(mx.float32) + update).astype(mx.bfloat16)
    elif changed == "name":
        one["layers.9.up.weight"] = one.pop(name)
    elif changed == "type":
        one[name] = one[name].view(mx.float16)
    elif changed == "shape":
        one[name] = one[name].reshape(96, 48)
    else:
        del one[name]
    assert weights_sha256(write(tmp_path / "b", one)) != before


def test_little_is_read_of_large_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 1 TiB with nothing in it but its header and holes, within the time of a test."""
    import json
    import struct

    count, rows = 1024, 8192
    size = 2 * rows * (1 << 16)
    header = {
        f"experts.{number}": {
            "dtype": "BF16",
            "shape": [rows, 1 << 16],
            "data_offsets": [number * size, (number + 1) * size],
        }
        for number in range(count)
    }
    text = json.dumps(header).encode()
    file = tmp_path / "model.safetensors"
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        stream.truncate(8 + len(text) + count * size)
    read: list[int] = []
    middle = identity._middle
    monkeypatch.setattr(
        identity, "_middle", lambda *of: read.append(len(found := middle(*of))) or found
    )
    weights_sha256(tmp_path)
    assert sum(read) == identity.SAMPLES * identity.SAMPLE_BYTES == 2 * MiB


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("hub/models--acme--a-b/snapshots/abc", ("acme/a-b", "abc")),
        ("hub/models--gpt2/snapshots/abc", ("gpt2", "abc")),
        ("hub/models--acme--a/refs/abc", None),
        ("base", None),
    ],
)
def test_a_snapshot_of_the_cache_names_its_repo(
    folder: str, found: tuple[str, str] | None, tmp_path: Path
) -> None:
    assert cached_repo(tmp_path / folder) == found


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound, match=r"has no weights: no model\*\.safetensors"):
        weights_sha256(tmp_path)


def test_a_head_that_loading_leaves_out_changes_nothing(tmp_path: Path) -> None:
    """Mirrors write the copy of a tied embedding out, or do not."""
    one = {**tensors(), "model.embed_tokens.weight": mx.ones((48, 96))}
    copied = {**one, "lm_head.weight": mx.ones((48, 96))}
    copied["model.layers.0.self_attn.rotary_emb.inv_freq"] = mx.ones(16)
    hashes = set()
    for name, held in (("a", one), ("b", copied)):
        folder = write(tmp_path / name, held)
        (folder / "config.json").write_text('{"tie_word_embeddings": true}')
        hashes.add(weights_sha256(folder))
    assert len(hashes) == 1
    (tmp_path / "b/config.json").write_text('{"tie_word_embeddings": false}')
    assert weights_sha256(tmp_path / "b") not in hashes


def test_attention_is_seen_among_thousands_of_experts() -> None:
    attention = [f"layers.{n}.self_attn.{p}_proj.weight" for n in range(48) for p in "qkvo"]
    experts = [
        f"layers.{n}.mlp.experts.{e}.{p}_proj.weight"
        for n in range(48)
        for e in range(128)
        for p in ("gate", "up", "down")
    ]
    drawn = identity._drawn(experts + attention)
    assert sorted(drawn) == sorted(experts + attention)
    assert set(attention) <= set(drawn[: identity.SAMPLES])
