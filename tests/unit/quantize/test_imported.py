"""Another tool's metadata, held against the bytes it lies beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hubtool.artifact.components import ComponentBits
from hubtool.artifact.stats import QuantStats, stats_of_folder
from hubtool.errors import StatsDisagree
from hubtool.quantize.imported import Claims, claims_of_folder, require_claims_true
from tests.support.toy_weights import packed_linear, safetensors_bytes, write_quant

NARROW, WIDE = "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj"


def _stats(*bits: int) -> QuantStats:
    """Figures of a file with one component ``c<number>`` for each width."""
    components = tuple(
        ComponentBits(f"c{number}", width, 64, "affine", 4096) for number, width in enumerate(bits)
    )
    return QuantStats(components, (), (), 0, 0, 0, 0.0, 0.0, 0.0, 0)


def _claim(folder: Path, place: str, metadata: Any) -> Path:
    file = folder / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(metadata if isinstance(metadata, str) else json.dumps(metadata))
    return folder


def test_103_components_at_8_bit_claimed_and_none_in_the_file_is_refused(tmp_path: Path) -> None:
    layers = {f"c{number}": {"bits": 8 if number < 103 else 4} for number in range(200)}
    claims = claims_of_folder(_claim(tmp_path, "optiq_metadata.json", {"per_layer": layers}))
    with pytest.raises(StatsDisagree) as caught:
        require_claims_true(claims, _stats(*[4] * 200))
    assert caught.value.message == (
        "optiq_metadata.json claims 97 at 4 bit and 103 at 8 bit, the weights hold 200 at 4 bit"
    )
    assert caught.value.details["claimed"] == "97 at 4 bit and 103 at 8 bit"
    assert caught.value.details["found"] == "200 at 4 bit"


def test_counts_alone_are_held_against_the_file_too() -> None:
    claims = Claims(file="optiq/metadata.json", high=103, low=97)
    require_claims_true(claims, _stats(*[8] * 103, *[4] * 97))
    with pytest.raises(StatsDisagree) as caught:
        require_claims_true(claims, _stats(*[4] * 200))
    assert caught.value.message == (
        "optiq/metadata.json claims 103 components as n_high_bits, the weights hold 200 at 4 bit"
    )


@pytest.mark.parametrize(("high", "low"), [(0, 2), (2, 0), (2, 2), (None, 2), (None, None)])
def test_with_one_width_either_count_may_have_the_components(
    high: int | None, low: int | None
) -> None:
    require_claims_true(Claims(file="m", high=high, low=low), _stats(4, 4))


def test_right_counts_on_the_wrong_components_are_refused() -> None:
    claims = Claims(file="m.json", widths={"c0": 8, "c1": 4})
    require_claims_true(claims, _stats(8, 4))
    with pytest.raises(StatsDisagree) as caught:
        require_claims_true(claims, _stats(4, 8))
    assert caught.value.message == "m.json claims c0 at 8 bit, the weights hold it at 4"


def test_a_component_that_the_file_lacks_is_refused() -> None:
    with pytest.raises(StatsDisagree) as caught:
        require_claims_true(Claims(file="m.json", widths={"other": 4}), _stats(4))
    assert caught.value.message == "m.json claims other at 4 bit, the weights hold none"


def test_unquantized_components_are_no_claim_on_the_file() -> None:
    require_claims_true(Claims(file="m", widths={"c0": 4, "router": 16}), _stats(4))


def test_a_quantized_claim_on_an_unquantized_file_is_refused() -> None:
    with pytest.raises(StatsDisagree, match="the weights hold no quantized component"):
        require_claims_true(Claims(file="m", high=103), _stats())


def test_true_claims_in_either_layout_pass(tmp_path: Path) -> None:
    layers = {NARROW: {"bits": 4, "group_size": 64}, WIDE: {"bits": 8, "group_size": 64}}
    for name, metadata in {
        "today": {"per_layer": layers, "n_high_bits": 1, "n_low_bits": 1, "method": "m"},
        "older": {"optimization": {"per_layer": layers}, "per_layer": None, "method": "m"},
    }.items():
        write_quant(tmp_path / name)
        claims = claims_of_folder(_claim(tmp_path / name, "optiq/metadata.json", metadata))
        assert claims.widths == {NARROW: 4, WIDE: 8}
        assert claims.method == "m"
        require_claims_true(claims, stats_of_folder(tmp_path / name))


def test_todays_place_goes_before_the_old_one(tmp_path: Path) -> None:
    assert claims_of_folder(tmp_path) == Claims()
    _claim(tmp_path, "optiq_metadata.json", {"method": "old"})
    assert claims_of_folder(tmp_path) == Claims(file="optiq_metadata.json", method="old")
    _claim(tmp_path, "optiq/metadata.json", {"method": "new"})
    assert claims_of_folder(tmp_path) == Claims(file="optiq/metadata.json", method="new")


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"per_layer": {"c0": {}}}', '{"optimization": {"per_layer": [1]}}', '"text"'],
)
def test_metadata_that_cannot_be_read_is_refused_with_its_path(
    tmp_path: Path, content: str
) -> None:
    _claim(tmp_path, "optiq/metadata.json", content)
    with pytest.raises(StatsDisagree, match=r"^optiq/metadata\.json cannot be read: "):
        claims_of_folder(tmp_path)


def test_widths_that_only_the_config_claims_are_held_against_the_shapes(tmp_path: Path) -> None:
    """The 103 modules again, one of them here: the config says 8 bit, the tensor has 4."""
    tensors = packed_linear("model.layers.0.mlp.up_proj", 64, 128, 4)
    (tmp_path / "model.safetensors").write_bytes(safetensors_bytes(tensors))
    quantization = {"bits": 4, "group_size": 64, NARROW: {"bits": 8, "group_size": 64}}
    (tmp_path / "config.json").write_text(json.dumps({"quantization": quantization}))
    with pytest.raises(StatsDisagree) as caught:
        require_claims_true(claims_of_folder(tmp_path), stats_of_folder(tmp_path))
    assert caught.value.details == {"module": NARROW, "config_bits": 8, "stored_bits": 4.0}
