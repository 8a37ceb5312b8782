"""A quant is loaded as a user would, and compared with its base."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from hubtool.checks import loads
from hubtool.checks.interface import CheckSubject, Finding
from hubtool.checks.loads import KL_TOKENS
from hubtool.quantize.predictor import Opening
from hubtool.quantize.room import room_for
from tests.support.tiny_models import save_tiny_model


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``base``, its 8-bit ``quant`` and a base of ``other`` weights."""
    from mlx_lm import convert

    root = tmp_path_factory.mktemp("loads")
    save_tiny_model(root / "base", "llama")
    save_tiny_model(root / "other", "llama", seed=1, scale=6)
    convert(str(root / "base"), mlx_path=str(root / "quant"), quantize=True, q_bits=8)
    return root


def results(subject: CheckSubject) -> dict[str, Finding]:
    return {one.id: one for one in loads.check(subject)}


def test_a_sound_quant_writes_text_and_is_near_its_base(folders: Path) -> None:
    found = results(CheckSubject(folders / "quant", base_folder=folders / "base"))
    assert {name: one.result for name, one in found.items()} == {
        "loads/generates": "pass",
        "loads/near-base": "pass",
    }
    assert "KL to the base is 0.00" in found["loads/near-base"].message


def test_a_quant_of_other_weights_is_far_from_the_base(folders: Path) -> None:
    found = results(CheckSubject(folders / "quant", base_folder=folders / "other"))
    assert found["loads/generates"].result == "pass"
    assert found["loads/near-base"].result == "fail"
    assert "above 4" in found["loads/near-base"].message
    assert found["loads/near-base"].remedy


def test_without_the_base_the_comparison_is_skipped_with_a_reason(folders: Path) -> None:
    found = results(CheckSubject(folders / "quant"))["loads/near-base"]
    assert found == Finding("loads/near-base", "skip", "the base's weights are not here")


def test_where_the_memory_does_not_even_stream_it_nothing_is_computed(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubtool.quantize.reference.free_bytes", lambda: 1000)
    found = results(CheckSubject(folders / "quant", base_folder=folders / "base"))
    assert found["loads/generates"].result == "skip"
    assert found["loads/generates"].message.endswith(" of memory, 1.00 kB are free")
    assert found["loads/near-base"].result == "skip"
    assert found["loads/near-base"].message.endswith(" of memory, 1.00 kB were free")


def test_a_quant_that_this_machine_cannot_hold_is_compared_from_disk(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bool] = []
    opens = Opening.base
    monkeypatch.setattr(
        Opening, "base", lambda self, folder: opened.append(self.streamed) or opens(self, folder)
    )
    room = room_for(folders / "base", folders / "quant", [range(KL_TOKENS)], quants=1)
    monkeypatch.setattr("hubtool.quantize.reference.free_bytes", lambda: room.least_bytes)
    found = results(CheckSubject(folders / "quant", base_folder=folders / "base"))
    assert found["loads/near-base"].result == "pass"
    assert opened == [True]


@pytest.fixture
def spoilt(folders: Path, tmp_path: Path) -> Path:
    """A copy of the quant, to damage."""
    return Path(shutil.copytree(folders / "quant", tmp_path / "quant"))


def test_a_model_type_that_mlx_lm_does_not_have_is_skipped_with_a_reason(
    folders: Path, spoilt: Path
) -> None:
    change_config(spoilt, model_type="nosuch")
    found = results(CheckSubject(spoilt, base_folder=folders / "base"))
    reason = "mlx-lm has no model type 'nosuch'"
    skip = Finding("loads/generates", "skip", reason)
    assert list(found.values()) == [skip, dataclasses.replace(skip, id="loads/near-base")]


def test_a_model_that_mlx_lm_cannot_load_fails(folders: Path, spoilt: Path) -> None:
    change_config(spoilt, hidden_size=128)
    found = results(CheckSubject(spoilt, base_folder=folders / "base"))
    assert found["loads/generates"].result == "fail"
    assert "mlx-lm does not load and run it: ValueError" in found["loads/generates"].message
    assert found["loads/near-base"].result == "skip"


def test_a_quant_without_a_tokenizer_fails(spoilt: Path) -> None:
    (spoilt / "tokenizer.json").unlink()
    assert results(CheckSubject(spoilt))["loads/generates"].result == "fail"


def test_logits_that_are_not_finite_fail(folders: Path, spoilt: Path) -> None:
    import mlx.core as mx

    file = str(spoilt / "model.safetensors")
    weights = dict(mx.load(file))
    weights["model.norm.weight"] = weights["model.norm.weight"] * float("nan")
    mx.eval(weights)
    mx.save_safetensors(file, weights, {"format": "mlx"})
    found = results(CheckSubject(spoilt, base_folder=folders / "base"))["loads/generates"]
    assert (found.result, found.message) == ("fail", "its logits hold NaN or infinity")


def change_config(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
