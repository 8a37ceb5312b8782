"""Quantizing a tiny model with mlx-lm, and reading back what was written."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hubtool.artifact.headers import read_headers, weight_files
from hubtool.artifact.hub_parameters import hub_parameters
from hubtool.artifact.stats import stats_of_folder
from hubtool.errors import DiskFull, QuantizationDiffers
from hubtool.quantize.allocation import Allocation, ComponentWidth
from hubtool.quantize.choice import Choice
from hubtool.quantize.components import find_components
from hubtool.quantize.convert import SPARE_BYTES, quantize_folder
from hubtool.quantize.loading import load_lazily
from tests.support.allocations import allocation_of
from tests.support.tiny_models import save_tiny_model

CHOICES = ((4, 64), (8, 64), (16, 0))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


CARRIED_HERE = (
    "chat_template.jinja",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untied checkpoint with files that a quant takes over."""
    folder = save_tiny_model(tmp_path_factory.mktemp("convert") / "model", "llama")
    (folder / "generation_config.json").write_text('{"eos_token_id": 0}')
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "README.md").write_text("# the base's card\n")
    return folder


@pytest.fixture(scope="module")
def allocation(model: Path) -> Allocation:
    """4, 8 and 16 bit in turn: no two neighbours alike."""
    components, _ = find_components(load_lazily(model), 64)
    widths = tuple(
        ComponentWidth(one.name, *CHOICES[number % 3], one.parameters, "a test")
        for number, one in enumerate(components)
    )
    return allocation_of(widths)


def hashes(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_the_written_widths_are_the_allocated_ones(
    model: Path, allocation: Allocation, tmp_path: Path
) -> None:
    stats = quantize_folder(model, tmp_path / "quant", allocation)
    wanted = {one.name: one.bits for one in allocation.components if one.bits != 16}
    assert {one.name: one.bits for one in stats.components} == wanted
    assert stats == stats_of_folder(tmp_path / "quant")
    assert {one.group_size for one in stats.components} == {64}
    spent = sum(wanted[one.name] * one.parameters for one in stats.components)
    assert stats.nominal_bpw == spent / sum(one.parameters for one in stats.components)


def test_each_component_can_have_a_group_size_of_its_own(
    model: Path, allocation: Allocation, tmp_path: Path
) -> None:
    """Stock mlx-lm loads it, and the Hub's counter agrees with what the bytes say."""
    import mlx.core as mx
    from mlx_lm import load

    sizes = (64, 32)
    mixed = tuple(
        dataclasses.replace(one, group_size=sizes[number % 2]) if one.bits != 16 else one
        for number, one in enumerate(allocation.components)
    )
    stats = quantize_folder(model, tmp_path / "quant", allocation_of(mixed))
    wanted = {one.name: one.choice for one in mixed if one.bits != 16}
    assert {one.name: Choice(one.bits, one.group_size) for one in stats.components} == wanted
    loaded = load(str(tmp_path / "quant"))[0]
    assert bool(mx.isfinite(loaded(mx.array([[1, 2, 3]]))).all().item())
    config = json.loads((tmp_path / "quant" / "config.json").read_text())
    headers = read_headers(tmp_path / "quant", weight_files(tmp_path / "quant"))
    assert hub_parameters(headers.values(), config).total == stats.parameters


def test_equal_input_gives_equal_bytes(model: Path, allocation: Allocation, tmp_path: Path) -> None:
    quantize_folder(model, tmp_path / "first", allocation)
    quantize_folder(model, tmp_path / "second", allocation)
    assert hashes(tmp_path / "first") == hashes(tmp_path / "second")


def test_both_config_entries_say_each_width_and_tokenizer_files_keep_their_bytes(
    model: Path, allocation: Allocation, tmp_path: Path
) -> None:
    quantize_folder(model, tmp_path / "quant", allocation)
    config = json.loads((tmp_path / "quant" / "config.json").read_text())
    assert config["quantization"] == config["quantization_config"]
    for one in allocation.components:
        if one.bits == 8:
            assert config["quantization"][one.name]["bits"] == 8
    base, quant = hashes(model), hashes(tmp_path / "quant")
    assert [quant[name] for name in CARRIED_HERE] == [base[name] for name in CARRIED_HERE]
    assert "README.md" not in quant


def test_the_quant_loads_in_stock_mlx_lm(
    model: Path, allocation: Allocation, tmp_path: Path
) -> None:
    import mlx.core as mx
    from mlx_lm import load

    quantize_folder(model, tmp_path / "quant", allocation)
    loaded, tokenizer = load(str(tmp_path / "quant"))[:2]
    logits = loaded(mx.array([tokenizer.encode("tea")]))
    assert logits.shape == (1, 3, 128)
    assert bool(mx.isfinite(logits).all().item())


def test_a_predicate_that_mlx_lm_ignores_is_caught(
    model: Path, allocation: Allocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlx_lm.utils

    real: Callable[..., Any] = mlx_lm.utils.quantize_model

    def uniform(*args: Any, quant_predicate: Any, **options: Any) -> Any:
        return real(*args, **options)

    monkeypatch.setattr(mlx_lm.utils, "quantize_model", uniform)
    with pytest.raises(QuantizationDiffers) as caught:
        quantize_folder(model, tmp_path / "quant", allocation)
    choices = {one.name: one.choice for one in allocation.components}
    wrong = sorted(name for name, choice in choices.items() if choice != Choice(4, 64))
    written = "written 4 bit in groups of 64 "
    assert caught.value.message.startswith(f"{wrong[0]}: allocated {choices[wrong[0]]}, {written}")
    assert f"({len(wrong)} components differ" in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_an_allocation_of_another_model_is_caught(
    model: Path, allocation: Allocation, tmp_path: Path
) -> None:
    stranger = ComponentWidth("model.layers.9.mlp.up_proj", 8, 64, 64, "a test")
    other = allocation_of((*allocation.components, stranger))
    with pytest.raises(
        QuantizationDiffers, match=r"layers\.9.*allocated 8 bit in groups of 64, written unq"
    ):
        quantize_folder(model, tmp_path / "quant", other)


def test_the_folder_appears_whole_or_not_at_all(
    model: Path, allocation: Allocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stops it, also when a folder of an earlier run is in its place."""
    quantize_folder(model, tmp_path / "quant", allocation)
    before = hashes(tmp_path / "quant")

    def stopped(source: Path, target: Path) -> None:
        assert (target / "model.safetensors").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr("hubtool.quantize.convert._carry_over", stopped)
    for name in ("quant", "new"):
        with pytest.raises(KeyboardInterrupt):
            quantize_folder(model, tmp_path / name, allocation)
    assert [folder.name for folder in tmp_path.iterdir()] == ["quant"]
    assert hashes(tmp_path / "quant") == before


def test_what_a_killed_run_left_is_no_part_of_the_result(
    model: Path, allocation: Allocation, tmp_path: Path
) -> None:
    (tmp_path / "quant.partial").mkdir()
    (tmp_path / "quant.partial" / "model-00001-of-00009.safetensors").write_bytes(b"torn")
    quantize_folder(model, tmp_path / "quant", allocation)
    made = {"config.json", "model.safetensors", "model.safetensors.index.json"}
    assert set(hashes(tmp_path / "quant")) == made | set(CARRIED_HERE)


def test_room_is_asked_for_before_anything_is_written(
    model: Path, allocation: Allocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tensors' bytes (not the file's header), the files taken over, and a little to spare."""
    stats = quantize_folder(model, tmp_path / "measured", allocation)
    carried = [tmp_path / "measured" / name for name in CARRIED_HERE]
    needed = round(stats.stored_bpw * stats.parameters / 8) + SPARE_BYTES
    needed += sum(file.stat().st_size for file in carried)

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(needed, 0, needed))
    quantize_folder(model, tmp_path / "fits", allocation)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(needed, 1, needed - 1))
    with pytest.raises(DiskFull, match=r"^no room for the quant in .*: it needs 16\.\d+ MB, 16\."):
        quantize_folder(model, tmp_path / "one-byte-less", allocation)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["fits", "measured"]
