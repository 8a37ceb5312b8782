"""Each way of rounding: what it stores, and what its error is by its own measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hubtool.quantize.choice import Choice
from hubtool.quantize.rounding.gptq import spreading_factor, steadied
from hubtool.quantize.rounding.grid import GridSearch
from hubtool.quantize.rounding.interface import Moments, Packed, RoundingName, rounding_of
from hubtool.quantize.rounding.refine import Rounded, refine
from hubtool.quantize.rounding.stored import by_columns

if TYPE_CHECKING:
    import mlx.core as mx

CHOICES = [Choice(bits, group) for bits in (2, 3, 4, 5, 6, 8) for group in (32, 64, 128)]


def a_weight(rows: int = 48, inputs: int = 256, dtype: str = "bfloat16") -> mx.array:
    """Heavier tails than a normal distribution, as trained weights have."""
    import mlx.core as mx

    drawn = np.random.default_rng(3).standard_t(5, (rows, inputs)) * 0.02
    return mx.array(drawn.astype(np.float32)).astype(getattr(mx, dtype))


def some_moments(inputs: int = 256) -> Moments:
    """Of correlated inputs that differ in size."""
    import mlx.core as mx

    rng = np.random.default_rng(5)
    mixing = rng.normal(size=(inputs, inputs)) * rng.lognormal(0, 1, inputs)
    drawn = rng.normal(size=(4 * inputs, inputs // 4)) @ mixing[: inputs // 4]
    drawn += 0.3 * rng.normal(size=drawn.shape)
    full = (drawn.T @ drawn / len(drawn)).astype(np.float32)
    return Moments(mx.array(np.diagonal(full).copy()), mx.array(full), len(drawn))


def error_of(packed: Packed, weight: mx.array, choice: Choice) -> np.ndarray:
    import mlx.core as mx

    full = packed.full(choice).astype(mx.float32) - weight.astype(mx.float32)
    return np.array(full, np.float64)


def bytes_of(packed: Packed) -> list[bytes]:
    import mlx.core as mx

    parts = (packed.weight, packed.scales, packed.biases)
    return [np.array(mx.view(part, mx.uint8)).tobytes() for part in parts]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_search_loses_less_than_nearest_at_every_choice(choice: Choice) -> None:
    weight, moments = a_weight(), some_moments()
    importance = np.array(moments.diagonal, np.float64)
    losses = [
        float(
            (error_of(rounding_of(name)(weight, choice, moments), weight, choice) ** 2).sum(0)
            @ importance
        )
        for name in ("nearest", "search")
    ]
    assert losses[1] < 0.9 * losses[0]


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_gptq_changes_outputs_less_than_search(bits: int) -> None:
    weight, moments, choice = a_weight(), some_moments(), Choice(bits, 64)
    hessian = np.array(moments.full, np.float64)
    losses = []
    for name in ("search", "gptq"):
        error = error_of(rounding_of(name)(weight, choice, moments), weight, choice)
        losses.append(float(np.einsum("ri,ij,rj->", error, hessian, error)))
    assert losses[1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", ["nearest", "search", "gptq"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_what_is_stored_has_mlx_shapes_and_the_weights_type(name: RoundingName, dtype: str) -> None:
    import mlx.core as mx

    weight = a_weight(dtype=dtype)
    packed = rounding_of(name)(weight, Choice(5, 64), some_moments())
    like = mx.quantize(weight, 64, 5)
    for ours, theirs in zip((packed.weight, packed.scales, packed.biases), like, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert np.abs(error_of(packed, weight, Choice(5, 64))).mean() < 0.0025


def test_search_finds_the_grid_that_a_weight_was_made_on() -> None:
    import mlx.core as mx

    rng = np.random.default_rng(11)
    levels = rng.integers(0, 16, (64, 8, 32))
    levels[..., :2] = (0, 15)  # both ends are used, as a quantizer by extremes leaves them
    steps = rng.uniform(0.01, 0.02, (64, 8, 1))
    made = (steps * levels - rng.uniform(0.05, 0.15, (64, 8, 1))).reshape(64, 256)
    weight = mx.array(made.astype(np.float32)).astype(mx.bfloat16)
    choice = Choice(4, 32)
    losses = [
        (error_of(rounding_of(name)(weight, choice, None), weight, choice) ** 2).sum()
        for name in ("nearest", "search")
    ]
    assert losses[1] < 0.02 * losses[0]


@pytest.mark.parametrize("name", ["search", "gptq"])
def test_equal_input_gives_equal_bytes(name: RoundingName) -> None:
    first, second = (rounding_of(name)(a_weight(), Choice(3, 64), some_moments()) for _ in range(2))
    assert bytes_of(first) == bytes_of(second)


@pytest.mark.parametrize("name", ["search", "gptq"])
def test_experts_share_the_moments_and_are_rounded_row_by_row(name: RoundingName) -> None:
    weight, moments, choice = a_weight(), some_moments(), Choice(4, 64)
    stacked = rounding_of(name)(weight.reshape(3, 16, 256), choice, moments)
    flat = rounding_of(name)(weight, choice, moments)
    assert stacked.weight.shape == (3, 16, 32)
    assert bytes_of(stacked) == bytes_of(flat)


def test_gptq_without_full_moments_is_search() -> None:
    import mlx.core as mx

    moments = Moments(some_moments().diagonal, None, 100)
    weight, choice = a_weight(), Choice(4, 64)
    both = [rounding_of(name)(weight, choice, moments) for name in ("gptq", "search")]
    assert bytes_of(both[0]) == bytes_of(both[1])
    assert isinstance(both[0].weight, mx.array)


@pytest.mark.parametrize("name", ["search", "gptq"])
def test_rows_of_one_value_and_inputs_of_zero_stay_finite_and_exact(name: RoundingName) -> None:
    import mlx.core as mx

    weight = np.zeros((4, 128), np.float32)
    weight[1], weight[2], weight[3, 5] = 0.5, -3.0, 2.0
    nothing = Moments(mx.zeros(128), mx.zeros((128, 128)), 8)
    rounded = rounding_of(name)(mx.array(weight).astype(mx.bfloat16), Choice(4, 64), nothing)
    assert np.abs(np.array(rounded.full(Choice(4, 64))) - weight).max() < 1e-2


def test_the_spreading_factor_is_of_the_inverse() -> None:
    hessian = steadied(np.array(some_moments().full, np.float64), 1000)
    upper = np.linalg.cholesky(np.linalg.inv(hessian)).T
    wanted = upper / np.diagonal(upper)[:, None]
    assert np.allclose(spreading_factor(hessian), wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("bits", [2, 4])
def test_refining_never_raises_the_error_of_a_row(bits: int) -> None:
    choice, hessian = Choice(bits, 64), steadied(np.array(some_moments().full, np.float64), 1000)
    weights = by_columns(a_weight())
    grid = GridSearch(weights, np.ones(256, np.float32), choice, "bfloat16").run()
    rounded = Rounded.empty(*weights.shape, choice)
    rounded.scales[:], rounded.biases[:] = grid.scales, grid.biases
    for column in range(256):
        rounded.set_nearest(column, weights[column], column // 64)

    def losses() -> np.ndarray:
        lost = weights - np.concatenate(
            [rounded.value(slice(64 * n, 64 * n + 64), n) for n in range(4)]
        )
        return np.einsum("ir,ij,jr->r", lost, hessian, lost)

    before = losses()
    refine(rounded, weights, hessian.astype(np.float32), choice, "bfloat16")
    after = losses()
    assert (after <= before * (1 + 1e-5)).all()
    assert after.sum() < 0.8 * before.sum()


@pytest.mark.parametrize("name", ["search", "gptq"])
def test_the_number_of_cores_does_not_change_the_bytes(
    name: RoundingName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubtool.quantize.rounding.search.BLOCK_ELEMENTS", 1 << 14)
    monkeypatch.setattr("hubtool.quantize.rounding.gptq.BLOCK_ELEMENTS", 1 << 14)
    found = []
    for cores in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", cores)
        weight = a_weight(rows=500)
        found.append(bytes_of(rounding_of(name)(weight, Choice(4, 64), some_moments())))
    assert found[0] == found[1]
