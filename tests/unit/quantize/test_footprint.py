"""What a quant will take on disk, against what the written files take."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.artifact.split import split_towers
from hubtool.artifact.stats import stats_of_folder
from hubtool.quantize.allocation import spend_budget
from hubtool.quantize.budget import Budget
from hubtool.quantize.choice import ChoiceGrid
from hubtool.quantize.convert import quantize_folder
from hubtool.quantize.footprint import footprint_of_folder
from hubtool.quantize.static import static_sensitivity
from tests.support.tiny_models import save_tiny_model
from tests.support.vlm import save_qwen3_vl

GRID = ChoiceGrid((3, 4, 8, 16), (32, 64))


@pytest.mark.parametrize("kind", ["llama", "tied", "biased", "moe", "gemma4"])
def test_the_bytes_are_those_that_are_written(kind: str, tmp_path: Path) -> None:
    """Tied embeddings once, biases and norms as floats, a router unquantized."""
    base = save_tiny_model(tmp_path / "base", kind)
    footprint = footprint_of_folder(base, 32)
    measured = static_sensitivity(footprint, {}, GRID, 64)
    allocation = spend_budget(measured, Budget("stored_bpw", 7.0), footprint)
    stats = quantize_folder(base, tmp_path / "quant", allocation)
    assert stats.parameters == footprint.parameters
    assert stats.stored_bpw == allocation.stored_bpw <= 7.0
    assert stats.nominal_bpw == pytest.approx(allocation.nominal_bpw)
    headers = stats.weights_bytes - allocation.stored_bytes
    assert headers <= footprint.header_bytes <= 2 * headers


def test_sidecars_are_counted_where_they_are_wanted(tmp_path: Path) -> None:
    base = save_qwen3_vl(tmp_path / "base")
    alone = footprint_of_folder(base, 32)
    whole = footprint_of_folder(base, 32, vision=True)
    measured = static_sensitivity(whole, {}, GRID, 64)
    allocation = spend_budget(measured, Budget("stored_bpw", 14.0), whole)
    quantize_folder(base, tmp_path / "quant", allocation)
    split_towers(base, tmp_path / "quant", vision=True, mtp=False, base_repo="acme/vlm")
    stats = stats_of_folder(tmp_path / "quant")
    assert whole.parameters > alone.parameters
    assert stats.parameters == whole.parameters
    assert stats.stored_bpw == allocation.stored_bpw
