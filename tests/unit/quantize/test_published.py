"""Published sensitivities: mlx-optiq's form and ours, from files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from hubtool.artifact.identity import weights_sha256
from hubtool.errors import PathNotFound, SensitivityMismatch
from hubtool.quantize.choice import ChoiceGrid
from hubtool.quantize.published import (
    parse_sensitivity,
    published_form,
    read_sensitivity,
    require_same_base,
    restricted,
)
from hubtool.quantize.sensitivity import CalibrationUse, ComponentSensitivity, Sensitivity
from tests.support.tiny_models import save_tiny_model

NAME = "model.layers.0.mlp.down_proj"
THEIRS: dict[str, Any] = {
    "base_model": "acme/tiny-2b",
    "candidate_bits": [4, 8],
    "group_size": 64,
    "metric": "kl_divergence_vs_reference",
    "layers": [
        {
            "layer_name": NAME,
            "sensitivities": {"4": 0.0131, "8": 0.0002},
            "param_count": 5242880,
            "metadata": {},
        }
    ],
}
OURS = Sensitivity(
    components=(
        ComponentSensitivity(NAME, 8192, {"4/32": 0.01, "4": 0.02, "8": 0.0001}),
        ComponentSensitivity("model.embed_tokens", 8192, {"4": 0.05, "8": 0.0002}),
    ),
    candidate_bits=(4, 8),
    group_size=64,
    group_sizes=(32, 64),
    method="fisher",
    reference="uniform4",
    reference_reason="bf16 needs about 15.90 GB, 11.20 GB were free",
    calibration=CalibrationUse("c" * 64, ("prose", "code"), 16, 3072),
    dtype="float32",
    noise_floor=1e-9,
    rounding="gptq",
    base_sha256="b" * 64,
)


def test_mlx_optiqs_file_gives_its_figures_and_no_claim_of_how_they_came(tmp_path: Path) -> None:
    (tmp_path / "optiq").mkdir()
    (tmp_path / "optiq/sensitivity.json").write_text(json.dumps(THEIRS))
    found = read_sensitivity(str(tmp_path), None)
    assert found.components == (ComponentSensitivity(NAME, 5242880, {"4": 0.0131, "8": 0.0002}),)
    assert (found.candidate_bits, found.group_size, found.group_sizes) == ((4, 8), 64, (64,))
    assert (found.method, found.reference, found.calibration) == ("published", None, None)
    assert found.source == "the file sensitivity.json"


def test_a_kl_of_minus_nothing_is_nothing() -> None:
    data = _changed(sensitivities={"4": 0.1, "8": -2e-8})
    found = parse_sensitivity(json.dumps(data).encode(), "x", source="")
    assert found.components[0].kl == {"4": 0.1, "8": 0.0}


def test_its_scratch_file_is_the_bare_list(tmp_path: Path) -> None:
    file = tmp_path / "sensitivity_checkpoint.json"
    file.write_text(json.dumps(THEIRS["layers"]))
    whole = parse_sensitivity(json.dumps(THEIRS).encode(), "x", source="the file x")
    bare = read_sensitivity(str(file), None)
    assert dataclasses.replace(bare, source="the file x") == whole


def test_our_own_file_comes_back_whole() -> None:
    """Keys of other group sizes stand where readers of whole numbers do not look."""
    published = published_form("acme/base", OURS)
    assert [set(layer["sensitivities"]) for layer in published["layers"]] == [{"4", "8"}] * 2
    assert published["layers"][0]["metadata"] == {"sensitivities_by_group": {"4/32": 0.01}}
    back = parse_sensitivity(json.dumps(published).encode(), "x", source="acme/q@1")
    assert back == dataclasses.replace(OURS, source="acme/q@1")
    assert parse_sensitivity(OURS.as_text.encode(), "x", source="") == OURS


def test_what_was_measured_on_other_weights_is_refused_and_what_does_not_say_is_not(
    tmp_path: Path,
) -> None:
    own = weights_sha256(save_tiny_model(tmp_path / "base", "llama"))
    other = save_tiny_model(tmp_path / "other", "llama", seed=1)
    of_base = dataclasses.replace(OURS, base_sha256=own)
    require_same_base(of_base, "s.json", tmp_path / "base")
    require_same_base(dataclasses.replace(OURS, base_sha256=None), "s.json", other)
    with pytest.raises(SensitivityMismatch) as raised:
        require_same_base(of_base, "s.json", other)
    assert raised.value.message.startswith(f"s.json: base_sha256: measured on weights {own[:12]}")
    assert str(other) in raised.value.message
    assert raised.value.exit_code == 2


def test_a_file_from_before_the_base_was_named_is_read() -> None:
    for form in (OURS.to_json(), published_form("acme/base", OURS)):
        before = dict(form)
        before.pop("base_sha256", None)
        before.get("hubtool_measurement", {}).pop("base_sha256", None)
        found = parse_sensitivity(json.dumps(before).encode(), "x", source="")
        assert (found.base_sha256, found.components) == (None, OURS.components)


def test_other_choices_can_be_left_out_but_not_all() -> None:
    narrow = restricted(OURS, ChoiceGrid((4,), (32, 64)))
    assert [set(one.kl) for one in narrow.components] == [{"4/32", "4"}, {"4"}]
    assert narrow.candidate_bits == (4,)
    wider = restricted(OURS, ChoiceGrid((3, 4, 16), (64, 128)))
    assert (wider.candidate_bits, wider.group_sizes) == ((4, 16), (64,))
    with pytest.raises(SensitivityMismatch, match=r"embed_tokens has sensitivities at 4, 8, none"):
        restricted(OURS, ChoiceGrid((4, 8), (32,)))


def _changed(**layer: Any) -> dict[str, Any]:
    return {**THEIRS, "layers": [{**THEIRS["layers"][0], **layer}]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "layers"),
        ({}, "layers"),
        ("text", "the whole"),
        ({**OURS.to_json(), "schema": 1}, "of schema 2, found Sensitivity of 1"),
        (_changed(param_count=0), "layers.0.param_count"),
        (_changed(sensitivities={"4": "much"}), "layers.0.sensitivities.4"),
        (_changed(sensitivities={"4": float("nan")}), "finite"),
        (_changed(sensitivities={"4": -0.1}), "greater than or equal to -0.001"),
        (_changed(sensitivities={"7": 0.1}), "'7' names no width"),
        (_changed(sensitivities={"four": 0.1}), "four"),
        (_changed(sensitivities={}), "layers.0.sensitivities"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_field(data: Any, words: str) -> None:
    with pytest.raises(SensitivityMismatch, match=r"^s\.json") as caught:
        parse_sensitivity(json.dumps(data).encode(), "s.json", source="")
    assert words in caught.value.message


def test_what_is_no_json_or_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SensitivityMismatch, match=r"^s\.json is not JSON"):
        parse_sensitivity(b"{", "s.json", source="")
    with pytest.raises(PathNotFound, match=r"no optiq/sensitivity\.json in"):
        read_sensitivity(str(tmp_path), None)
    with pytest.raises(PathNotFound, match="no sensitivities at acme/none"):
        read_sensitivity("acme/none", None)
