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

from hubtool.artifact.identity import weights_sha256
from hubtool.console import Console
from hubtool.errors import StatsDisagree
from hubtool.quantize.kinship import require_kin, require_made_of
from hubtool.quantize.loading import load_lazily
from hubtool.quantize.nearness import row_errors
from hubtool.quantize.optiq_files import Making
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


def _merged(folders: Path, target: Path, relative: float, parts: tuple[str, ...] = ("",)) -> Path:
    """The base with an adapter of rank 8 merged that changes a weight by ``relative`` of its size."""
    folder = Path(shutil.copytree(folders / "base", target))
    tensors = mx.load(str(folder / "model.safetensors"))
    mx.random.seed(11)
    for name, weight in tensors.items():
        if weight.ndim == 2 and "embed" not in name and any(part in name for part in parts):
            low = mx.random.normal((weight.shape[0], 8)) @ mx.random.normal((8, weight.shape[1]))
            scale = relative * mx.sqrt(mx.square(weight).mean() / mx.square(low).mean())
            tensors[name] = (weight + scale * low).astype(weight.dtype)
    mx.eval(tensors)
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, {"format": "mlx"})
    return folder


@pytest.fixture(scope="module")
def at_widths(folders: Path) -> dict[int, Path]:
    """The base rounded to nearest by mlx-lm."""
    from mlx_lm import convert

    found = {}
    for bits in (2, 3, 8):
        found[bits] = folders / f"quant-{bits}"
        with contextlib.redirect_stdout(io.StringIO()):
            convert(str(folders / "base"), mlx_path=str(found[bits]), quantize=True, q_bits=bits)
    return {**found, 4: folders / "quant"}


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_a_quant_of_any_width_is_near_to_its_base(
    folders: Path, at_widths: dict[int, Path], bits: int
) -> None:
    require_kin(folders / "base", at_widths[bits], ours=False)
    found = row_errors(load_lazily(folders / "base"), load_lazily(at_widths[bits]))
    assert {one.name.rsplit(".", 1)[-1] for one in found} == {
        *("embed_tokens", "q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"),
        "gate_proj",
    }
    assert {one.bits for one in found} == {bits}
    assert all(0.8 < one.times < 1.5 for one in found), found


@pytest.mark.parametrize("parts", [("",), ("q_proj", "v_proj")])
def test_an_adapter_of_two_percent_shows_at_8_bit_and_not_at_4(
    folders: Path, at_widths: dict[int, Path], tmp_path: Path, parts: tuple[str, ...]
) -> None:
    """Norms and biases are equal: only the rounded weights can tell."""
    merged = _merged(folders, tmp_path / "merged", 0.02, parts)
    with pytest.raises(StatsDisagree, match=r"_proj are [34]\.\d times as far .* 8 bit") as raised:
        require_kin(merged, at_widths[8], ours=True)
    assert str(merged) in raised.value.message
    require_kin(merged, at_widths[4], ours=True)
    said = io.StringIO()  # another tool may have trained its scales
    require_kin(merged, at_widths[8], ours=False, console=Console("plain", stderr=said))
    assert "times as far from the base's as rounding to 8 bit leaves them" in said.getvalue()


@pytest.mark.parametrize(("bits", "ours"), [(3, True), (4, False), (8, False)])
def test_other_linear_layers_with_the_same_norms_show_from_3_bit(
    folders: Path, at_widths: dict[int, Path], tmp_path: Path, bits: int, ours: bool
) -> None:
    with pytest.raises(StatsDisagree, match="times as far from the base's"):
        require_kin(_merged(folders, tmp_path / "other", 1.0), at_widths[bits], ours=ours)


def test_of_each_kind_the_finest_module_is_looked_at(folders: Path, tmp_path: Path) -> None:
    from mlx_lm import convert

    wide = "model.layers.1.mlp.down_proj"
    with contextlib.redirect_stdout(io.StringIO()):
        convert(
            str(folders / "base"),
            mlx_path=str(tmp_path / "mixed"),
            quantize=True,
            quant_predicate=lambda name, *_: {"bits": 8 if name == wide else 4, "group_size": 64},
        )
    found = row_errors(load_lazily(folders / "base"), load_lazily(tmp_path / "mixed"))
    assert [one.name for one in found if one.bits == 8] == [wide]


def test_a_quant_that_names_its_weights_is_refused_beside_others_at_any_width(
    folders: Path, tmp_path: Path
) -> None:
    own = weights_sha256(folders / "base")
    other = weights_sha256(_merged(folders, tmp_path / "merged", 0.005))
    making = Making(target_bpw=5.0, measurement=None, base_sha256=own)
    quant = folders / "quant"
    require_made_of(folders / "base", own, quant, making)
    require_made_of(folders / "base", own, quant, None)
    require_made_of(tmp_path / "merged", other, quant, Making(target_bpw=5.0, measurement=None))
    with pytest.raises(StatsDisagree, match=f"base_sha256 is {own[:12]}, .* are {other[:12]}"):
        require_made_of(tmp_path / "merged", other, quant, making)


def test_verifying_refuses_before_anything_is_computed(
    folders: Path, changed: Callable[..., Path]
) -> None:
    with pytest.raises(StatsDisagree, match="was not made from"):
        verify_quant(changed("norm", "bias"), folders / "quant", tokens=96)
