"""What the local Hub counts of a repo's weights."""

from __future__ import annotations

import pytest

from tests.support.derived import CONFIG, WEIGHTS, derived
from tests.support.toy_weights import safetensors_bytes


def test_sidecar_in_the_index_is_counted_and_its_declared_total_capped() -> None:
    shard = "model-00001-of-00001.safetensors"
    sidecar = safetensors_bytes({"vision.w": ("BF16", (100,))})
    index = {
        "metadata": {"total_parameters": 10**12},
        "weight_map": {"a.weight": shard, "vision.w": "optiq_vision.safetensors"},
    }
    found = derived(
        {
            "config.json": CONFIG,
            shard: WEIGHTS,
            "optiq_vision.safetensors": sidecar,
            "optiq/mtp.safetensors": sidecar,
            "model.safetensors.index.json": index,
        }
    )
    assert found["safetensors"] == {"parameters": {"U32": 65536, "BF16": 356}, "total": 65892}


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"short",
        WEIGHTS[:-1],
        WEIGHTS + b"x",
        b"\xff" * 16,
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b"not json!",
    ],
    ids=["empty", "short", "truncated", "longer than told", "huge header", "list", "not JSON"],
)
def test_broken_weights_make_the_count_vanish(weights: bytes) -> None:
    found = derived({"config.json": CONFIG, "model.safetensors": weights})
    assert found["safetensors"] is None


@pytest.mark.parametrize("name", ["absent.safetensors", "../../x.safetensors", "/etc/passwd"])
def test_index_that_names_a_file_outside_the_repo_makes_the_count_vanish(name: str) -> None:
    index = {"weight_map": {"a": name}}
    assert derived({"model.safetensors.index.json": index})["safetensors"] is None
