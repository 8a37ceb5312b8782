"""Rounding whole models within a forward pass, and writing them."""

from __future__ import annotations

import gc
import hashlib
from pathlib import Path
from typing import Any, cast

import pytest

from hubtool.quantize.allocation import Allocation, ComponentWidth
from hubtool.quantize.calibration import CalibrationMix
from hubtool.quantize.components import find_components
from hubtool.quantize.convert import quantize_folder
from hubtool.quantize.loading import load_lazily
from hubtool.quantize.rounding.apply import RoundingOptions, even_windows, round_components
from hubtool.quantize.rounding.interface import Packed, RoundingName
from hubtool.quantize.rounding.streaming import moments_of
from tests.support.allocations import allocation_of
from tests.support.tiny_models import TextMix, save_tiny_model

MIX = cast(CalibrationMix, TextMix())


def allocated(folder: Path, widths: tuple[int, ...] = (4, 8, 3)) -> Allocation:
    components, _ = find_components(load_lazily(folder), 32)
    items = tuple(
        ComponentWidth(one.name, widths[number % len(widths)], 32, one.parameters, "a test")
        for number, one in enumerate(components)
    )
    return allocation_of(items, group_size=32)


def options(name: RoundingName) -> RoundingOptions:
    return RoundingOptions(name, MIX, 128)


@pytest.mark.parametrize("kind", ["llama", "tied", "biased", "moe", "gemma4"])
@pytest.mark.parametrize("name", ["search", "gptq"])
def test_every_component_of_every_architecture_is_handed_over_once(
    kind: str, name: RoundingName, tmp_path: Path
) -> None:
    folder = save_tiny_model(tmp_path / "model", kind)
    allocation = allocated(folder)
    seen: list[str] = []

    def note(component: str, packed: Packed) -> None:
        assert packed.weight.size
        seen.append(component)

    round_components(folder, allocation, options(name), note)
    assert sorted(seen) == sorted(one.name for one in allocation.components)


@pytest.mark.parametrize("name", ["search", "gptq"])
def test_a_rounded_quant_loads_in_stock_mlx_lm_and_generates(
    name: RoundingName, tmp_path: Path
) -> None:
    from mlx_lm import generate, load

    folder = save_tiny_model(tmp_path / "model", "tied")
    stats = quantize_folder(folder, tmp_path / "quant", allocated(folder), rounding=options(name))
    assert {one.bits for one in stats.components} == {3, 4, 8}
    model, tokenizer = load(str(tmp_path / "quant"))[:2]
    assert isinstance(generate(model, tokenizer, "tea", max_tokens=3), str)


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model", "tied")
    digests = set()
    for number in range(2):
        out = tmp_path / f"quant{number}"
        quantize_folder(folder, out, allocated(folder), rounding=options("gptq"))
        digests.add(hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_moments_are_those_of_the_quants_own_inputs(tmp_path: Path) -> None:
    """What the second projection is rounded for is what the first, rounded, lets through."""
    import mlx.core as mx
    from mlx_lm import load

    from hubtool.quantize.rounding import interface

    folder = save_tiny_model(tmp_path / "model", "llama")
    seen: dict[str, Any] = {}
    real = interface.rounding_of("search")
    order: list[str] = []

    def watching(weight: mx.array, choice: Any, moments: Any) -> Packed:
        if moments is not None:  # rows of the embedding are rounded without
            order.append(str(weight.shape))
            seen[f"{len(order)}"] = moments
        return real(weight, choice, moments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hubtool.quantize.rounding.apply.rounding_of", lambda _: watching)
        quantize_folder(
            folder, tmp_path / "quant", allocated(folder, (3,)), rounding=options("search")
        )
    model, tokenizer = load(str(tmp_path / "quant"))[:2]
    windows = MIX.token_windows(tokenizer, 128)
    tokens = even_windows([token for window in windows for token in window.tokens])
    model.set_dtype(mx.float32)
    caught = []
    module = model.model.layers[1].mlp.down_proj
    kind = type(module)

    class Catcher(kind):  # type: ignore[misc, valid-type]
        def __call__(self, x: mx.array) -> mx.array:
            caught.append(x)
            return super().__call__(x)

    object.__setattr__(module, "__class__", Catcher)
    mx.eval(model(mx.array([list(one) for one in tokens])))
    wanted = moments_of(caught[0], full=False).diagonal
    # 7 projections a layer, then the head: the second layer's down_proj is the 14th
    assert mx.allclose(seen["14"].diagonal, wanted, rtol=1e-2).item()


@pytest.mark.parametrize("name", ["nearest", "search"])
def test_memory_does_not_grow_with_the_number_of_layers(name: RoundingName, tmp_path: Path) -> None:
    """Live bytes of mlx's own allocator at their highest; a further layer would add 4 MB."""
    import mlx.core as mx

    from tests.support import tiny_models

    wide = {**tiny_models.CONFIGS["llama"], "hidden_size": 512, "intermediate_size": 1024}
    peaks = {}
    for layers in (1, 6):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(tiny_models.CONFIGS, "wide", {**wide, "num_hidden_layers": layers})
            folder = save_tiny_model(tmp_path / f"model{layers}", "wide")
        allocation = allocated(folder)
        gc.collect()
        mx.clear_cache()
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        quantize_folder(folder, tmp_path / f"quant{layers}", allocation, rounding=options(name))
        peaks[layers] = mx.get_peak_memory() - before
    assert peaks[6] < peaks[1] + 1_000_000
    if name == "nearest":
        assert peaks[6] < 2.5 * 512 * 1024 * 2  # of the largest component's bytes
