"""A quant of another base is told by the tensors that no quantizer rounds."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import pytest

from hubtool.console import Console
from hubtool.errors import StatsDisagree
from hubtool.quantize.kinship import require_kin
from hubtool.quantize.verify import verify_quant
from tests.support.tiny_models import save_tiny_model


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float32 base with biases that declares bfloat16, and mlx-lm's quant of it."""
    from mlx_lm import convert

    root = tmp_path_factory.mktemp("kinship")
    base = save_tiny_model(root / "base", "biased")
    weights = mx.load(str(base / "model.safetensors"))
    finer = {name: one.astype(mx.float32) * (1 + 2**-12) for name, one in weights.items()}
    mx.save_safetensors(str(base / "model.safetensors"), finer, {"format": "mlx"})
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "torch_dtype": "bfloat16"}))
    with contextlib.redirect_stdout(io.StringIO()):
        convert(str(base), mlx_path=str(root / "quant"), quantize=True, q_bits=4)
    return root


@pytest.fixture
def changed(folders: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the base in which tensors whose names have one of these parts are others."""

    def copy(*parts: str) -> Path:
        folder = Path(shutil.copytree(folders / "base", tmp_path / "other"))
        file = str(folder / "model.safetensors")
        tensors = mx.load(file)
        others = {
            name: one * 1.5 if any(part in name for part in parts) else one
            for name, one in tensors.items()
        }
        mx.eval(others)
        mx.save_safetensors(file, others, {"format": "mlx"})
        return folder

    return copy


@pytest.mark.parametrize("ours", [True, False])
def test_a_quant_in_the_declared_type_is_kin_to_its_base(folders: Path, ours: bool) -> None:
    said = io.StringIO()
    console = Console("plain", stderr=said)
    require_kin(folders / "base", folders / "quant", ours=ours, console=console)
    assert not said.getvalue()


@pytest.mark.parametrize("ours", [True, False])
def test_other_weights_are_refused_by_name(
    folders: Path, changed: Callable[..., Path], ours: bool
) -> None:
    other = changed("norm", "bias")
    with pytest.raises(StatsDisagree, match=r": \S*(norm\.weight|bias) differs \(") as raised:
        require_kin(other, folders / "quant", ours=ours)
    assert str(other) in raised.value.message
    assert "base that the quant was made from" in raised.value.remedy


def test_scales_in_norms_are_told_of_another_tools_quant_and_refused_of_ours(
    folders: Path, changed: Callable[..., Path]
) -> None:
    other, said = changed("layernorm"), io.StringIO()
    console = Console("plain", stderr=said)
    require_kin(other, folders / "quant", ours=False, console=console)
    assert "4 of 11 unquantized tensors differ from the base's" in said.getvalue()
    with pytest.raises(StatsDisagree, match="4 of 11 tensors"):
        require_kin(other, folders / "quant", ours=True)


def test_verifying_refuses_before_anything_is_computed(
    folders: Path, changed: Callable[..., Path]
) -> None:
    with pytest.raises(StatsDisagree, match="was not made from"):
        verify_quant(changed("norm", "bias"), folders / "quant", tokens=96)
