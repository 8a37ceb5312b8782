"""The Hub's parameter count; tests/contract/test_js_client.py holds it against the Hub's own code."""

from __future__ import annotations

from typing import Any

import pytest

from hubtool.artifact.headers import parse_header
from hubtool.artifact.hub_parameters import HubParameters, counted_files, hub_parameters
from tests.support.toy_weights import Tensors, packed_linear, safetensors_bytes

LINEAR = packed_linear("m", 64, 512, 4)
LOGICAL = 64 * 512
STORED = {"U32": 64 * 64, "BF16": 2 * 64 * 8}


def count(config: dict[str, Any], *files: Tensors, declared: object = None) -> HubParameters:
    contents = [safetensors_bytes(tensors) for tensors in files]
    headers = [parse_header(_header_bytes(content), len(content)) for content in contents]
    return hub_parameters(headers, config, declared)


def _header_bytes(content: bytes) -> bytes:
    return content[: 8 + int.from_bytes(content[:8], "little")]


def test_unquantized_weights_count_as_they_are() -> None:
    tensors = {"a": ("BF16", (3, 5)), "b": ("F32", (7,)), "c": ("BF16", (2,))}
    assert count({}, tensors) == HubParameters({"BF16": 17, "F32": 7}, 24)


def test_scalars_are_not_counted() -> None:
    assert count({}, {"a": ("F32", ()), "b": ("F32", (2,))}) == HubParameters({"F32": 2}, 2)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_packed_weights_count_as_the_weights_they_stand_for(bits: int) -> None:
    config = {"quantization": {"bits": bits, "group_size": 64}}
    tensors = packed_linear("m", 64, 512, bits)
    assert count(config, tensors) == HubParameters({"U32": LOGICAL}, LOGICAL)


def test_scales_and_biases_in_another_shard_are_found() -> None:
    config = {"quantization": {"bits": 4, "group_size": 64}}
    weight = {"m.weight": LINEAR["m.weight"]}
    rest = {name: value for name, value in LINEAR.items() if name != "m.weight"}
    assert count(config, weight, rest) == HubParameters({"U32": LOGICAL}, LOGICAL)


def test_own_width_of_a_module_beats_the_global_one() -> None:
    config = {"quantization": {"bits": 4, "group_size": 64, "m": {"bits": 8, "group_size": 64}}}
    assert count(config, packed_linear("m", 64, 512, 8)).total == LOGICAL


@pytest.mark.parametrize(
    "config",
    [
        {"quantization_config": {"bits": 4, "group_size": 64}},
        {"quantization": {"mode": "affine"}},
        {"quantization": {"quant_method": "MLX", "bits": 4}},
        {"quantization": {"other": {"bits": 8}}},
        {"text_config": {"quantization": {"bits": 4}}},
        {"quantization": {"quant_method": "gptq", "bits": 3}, "quantization_config": {"bits": 4}},
    ],
    ids=["older key", "defaults", "named mlx", "widths by module", "text part", "second key"],
)
def test_config_that_is_recognised_as_mlx(config: dict[str, Any]) -> None:
    assert count(config, LINEAR).total == LOGICAL


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"quantization": {"bits": 7, "group_size": 64}},
        {"quantization": {"bits": 4, "group_size": 48}},
        {"quantization": {"bits": "4"}},
        {"quantization": {"bits": True}},
        {"quantization": {"mode": "mxfp4", "bits": 8, "group_size": 32}},
        {"quantization": {"mode": "other", "bits": 4}},
        {"quantization": {"bits": 4, "m": False}},
        {"quantization": 4},
        {"quantization_config": {"quant_method": "gptq", "bits": 4}},
    ],
    ids=[
        "no config",
        "unknown width",
        "unknown group",
        "width as text",
        "width as truth value",
        "width of another mode",
        "unknown mode",
        "excluded module",
        "not an object",
        "other quantizer",
    ],
)
def test_weights_that_the_config_does_not_explain_count_as_stored(config: dict[str, Any]) -> None:
    assert count(config, LINEAR).parameters == STORED


def test_affine_module_without_biases_counts_as_stored() -> None:
    tensors = packed_linear("m", 64, 512, 4, biases=False)
    found = count({"quantization": {"bits": 4, "group_size": 64}}, tensors)
    assert found.parameters == {"U32": 64 * 64, "BF16": 64 * 8}


@pytest.mark.parametrize(
    ("mode", "bits", "group_size"), [("mxfp4", 4, 32), ("nvfp4", 4, 16), ("MXFP8", 8, 32)]
)
def test_other_modes_need_no_biases(mode: str, bits: int, group_size: int) -> None:
    tensors = packed_linear("m", 8, 64, bits, group_size, biases=False)
    assert count({"quantization": {"mode": mode}}, tensors) == HubParameters({"U32": 512}, 512)


def test_learned_scales_and_biases_elsewhere_are_parameters() -> None:
    tensors = {**LINEAR, "free.scales": ("BF16", (5,)), "m.bias": ("BF16", (64,))}
    found = count({"quantization": {"bits": 4, "group_size": 64}}, tensors)
    assert found.parameters == {"U32": LOGICAL, "BF16": 69}


def test_bookkeeping_of_quantizers_is_left_out() -> None:
    tensors = {"a.weight_scale": ("F32", (3,)), "b": ("F8_E8M0", (4,)), "c": ("F32", (5,))}
    assert count({"quantization_config": {"quant_method": "fp8"}}, tensors).parameters == {"F32": 5}
    assert count({}, tensors).parameters == {"F32": 8}


@pytest.mark.parametrize(
    ("declared", "total"),
    [(10, 10), ("10", 10), (10**9, 24), (0, 24), (-1, 24), ("x", 24), (True, 24), (None, 24)],
)
def test_declared_total_lowers_the_chip_and_never_raises_it(declared: object, total: int) -> None:
    found = count({}, {"a": ("BF16", (24,))}, declared=declared)
    assert found == HubParameters({"BF16": 24}, total)


def test_single_file_hides_the_index() -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "side.safetensors", "c": 7}}
    assert counted_files(["model.safetensors", "side.safetensors"], index) == ("model.safetensors",)
    assert counted_files(["side.safetensors"], index) == ("model-1.safetensors", "side.safetensors")


@pytest.mark.parametrize("index", [None, {}, {"weight_map": []}])
def test_nothing_is_counted_without_weights(index: dict[str, Any] | None) -> None:
    assert counted_files(["weights.safetensors"], index) == ()
