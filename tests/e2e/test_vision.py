"""A vision-language model through a whole release: every reader gets its part, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubtool.artifact.headers import read_header
from hubtool.base.towers import plan_tensors
from hubtool.demo.gemma4 import build_gemma4
from hubtool.localhub.server import RunningHub
from tests.support.release import environment, hubtool
from tests.support.vlm import describe_image, gemma_features, qwen_features, save_qwen3_vl

pytest.importorskip("mlx_vlm", reason="needs the extra vision")
PROMPT = [65, 66, 67, 68]


def publish(hub: RunningHub, base: Path, folder: Path) -> Path:
    """Release ``base`` through the command line; a snapshot of what was published."""
    from huggingface_hub import snapshot_download

    hub.store.seed_repo("acme/vlm", base)
    env = environment(folder / "home", token=hub.token)
    arguments = ("release", "acme/vlm", "--org", "me", "--hub", hub.url)
    quick = ("--calibration-tokens", "96", "--verify-tokens", "96")
    done = hubtool(*arguments, *quick, cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    return Path(
        snapshot_download(
            "me/vlm-OptiQ-4bit",
            endpoint=hub.url,
            token=hub.token,
            local_dir=folder / "snapshot",
        )
    )


def require_towers_for_an_imported_quant(hub: RunningHub, published: Path, folder: Path) -> None:
    """A language model that another tool quantized gets the towers of its base."""
    plain = folder / ".hubtool" / "me--vlm-OptiQ-4bit" / "quantized"
    assert not (plain / "optiq_vision.safetensors").exists()
    env = environment(folder / "home", token=hub.token)
    arguments = ("release", "acme/vlm", "--org", "me", "--name", "imported", "--hub", hub.url)
    done = hubtool(*arguments, "--quant", str(plain), cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    sidecar = hub.store.read("me/imported", "main", "optiq_vision.safetensors")
    assert sidecar == (published / "optiq_vision.safetensors").read_bytes()


def raw(folder: Path, file: str, name: str) -> tuple[tuple[int, ...], bytes]:
    info = read_header(folder / file).tensors[name]
    with (folder / file).open("rb") as stream:
        stream.seek(info.start)
        return info.shape, stream.read(info.size_bytes)


def require_same_towers(base: Path, published: Path) -> None:
    """Every tower tensor, by its bytes; a kernel by its bytes after its axis moved."""
    import numpy as np

    config = json.loads((base / "config.json").read_text())
    plan = plan_tensors("acme/vlm", config, read_header(base / "model.safetensors").tensors)
    assert plan.towers
    for tensor in plan.towers:
        shape, theirs = raw(base, "model.safetensors", tensor.source)
        if tensor.channels_last:
            moved = np.moveaxis(np.frombuffer(theirs, np.uint16).reshape(shape), 1, -1)
            shape, theirs = moved.shape, moved.tobytes()
        assert raw(published, "optiq_vision.safetensors", tensor.name) == (shape, theirs)


def text_logits(model: Any) -> Any:
    """Of a fixed prompt, in float32: bfloat16 kernels differ between the two packages."""
    import mlx.core as mx

    model.set_dtype(mx.float32)
    output = model(mx.array([PROMPT]))
    return getattr(output, "logits", output)


CASES: dict[str, tuple[Callable[[Path], Path], Callable[[Path], Any]]] = {
    "gemma4": (build_gemma4, gemma_features),
    "qwen3_vl": (save_qwen3_vl, qwen_features),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_text_and_image_readers_get_their_part_of_one_repo(
    kind: str, tiny_hub: RunningHub, tmp_path: Path
) -> None:
    import mlx.core as mx
    from mlx_lm.utils import load_model as load_text
    from mlx_vlm.utils import load_model as load_vision

    build, features = CASES[kind]
    base = build(tmp_path / "base")
    published = publish(tiny_hub, base, tmp_path)
    require_same_towers(base, published)
    assert mx.array_equal(features(base), features(published))
    text, _ = load_text(published)
    assert mx.allclose(text_logits(text), text_logits(load_vision(published)), atol=1e-4)
    card = (published / "README.md").read_text()
    assert "pipeline_tag: image-text-to-text" in card
    assert "bf16 sidecar (optiq_vision.safetensors), not quantized" in card
    if kind == "gemma4":
        require_towers_for_an_imported_quant(tiny_hub, published, tmp_path)
        image_tokens, text = describe_image(published)
        assert image_tokens >= 60
        assert text
