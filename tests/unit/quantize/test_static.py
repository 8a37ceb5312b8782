"""The static rule: what it says from names and shapes alone."""

from __future__ import annotations

import pytest

from hubtool.quantize.choice import UNQUANTIZED, Choice, ChoiceGrid
from hubtool.quantize.footprint import Footprint, WeightShape
from hubtool.quantize.static import relative_error, static_sensitivity

GRID = ChoiceGrid((4, 8, 16), (32, 64))
LAYERS = "model.layers"


def kl(sizes: dict[str, int], config: dict | None = None, key: str = "4") -> dict[str, float]:
    shapes = {name: WeightShape(size, 64, 2) for name, size in sizes.items()}
    found = static_sensitivity(Footprint(shapes, 0, 0, 0), config or {}, GRID, 64)
    assert (found.method, found.calibration, found.reference) == ("static", None, None)
    return {one.name: one.kl[key] for one in found.components}


@pytest.mark.parametrize("choice", [Choice(3, 32), Choice(4, 64), Choice(8, 128)])
def test_the_rounding_error_is_that_of_mlx_on_normal_weights(choice: Choice) -> None:
    """The formula leaves out that the ends of the range are met exactly: within a tenth."""
    import mlx.core as mx

    weight = mx.random.normal((512, 1024), key=mx.random.key(0))
    packed, scales, biases = mx.quantize(weight, choice.group_size, choice.bits)
    back = mx.dequantize(packed, scales, biases, choice.group_size, choice.bits)
    error = float(((back - weight) ** 2).mean().item())
    assert error == pytest.approx(relative_error(choice), rel=0.1)


def test_unquantized_costs_nothing_and_smaller_groups_less() -> None:
    assert relative_error(UNQUANTIZED) == 0.0
    one = {f"{LAYERS}.1.mlp.up_proj": 64}
    assert kl(one, key="16") == {f"{LAYERS}.1.mlp.up_proj": 0.0}
    assert kl(one, key="4/32")[f"{LAYERS}.1.mlp.up_proj"] < kl(one)[f"{LAYERS}.1.mlp.up_proj"]


def test_the_same_matrix_matters_more_at_the_edges_and_as_a_value_projection() -> None:
    found = kl(
        {
            f"{LAYERS}.{layer}.{kind}": 4096
            for layer in range(4)
            for kind in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")
        }
    )
    plain = found[f"{LAYERS}.1.mlp.down_proj"]
    shares = {name.removeprefix(f"{LAYERS}."): value / plain for name, value in found.items()}
    assert shares["2.mlp.down_proj"] == shares["1.self_attn.q_proj"] == 1.0
    assert shares["0.mlp.down_proj"] == shares["3.mlp.down_proj"] == pytest.approx(3.0)
    assert shares["1.self_attn.v_proj"] == pytest.approx(7.0)


def test_grouped_keys_count_for_every_head_that_reads_them() -> None:
    layer = f"{LAYERS}.1.self_attn"
    found = kl({f"{layer}.q_proj": 8192, f"{layer}.k_proj": 2048, f"{LAYERS}.2.x": 1})
    assert found[f"{layer}.k_proj"] == found[f"{layer}.q_proj"]


def test_of_the_experts_only_those_that_a_token_passes_count() -> None:
    names = {f"{LAYERS}.1.mlp.switch_mlp.up_proj": 128_000, f"{LAYERS}.1.mlp.up_proj": 8_000}
    found = kl(names, {"num_experts": 128, "num_experts_per_tok": 8})
    assert len({round(value, 12) for value in found.values()}) == 1
