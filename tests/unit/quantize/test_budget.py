"""Budgets as they are asked for, and what they leave for the weights."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx_lm.models.cache import make_prompt_cache

from hubtool.quantize.budget import (
    GIB,
    Budget,
    BudgetWish,
    exact_size,
    parse_size,
    wired_bytes,
    wish_of,
)
from hubtool.quantize.loading import load_lazily
from hubtool.quantize.memory import BUFFERS_BYTES, cache_bytes, settle
from tests.support.tiny_models import save_tiny_model

NOTHING = {"target_bpw": None, "stored_bpw": None, "max_size": None, "fit": None, "context": 8192}


@pytest.mark.parametrize(
    ("text", "size", "binary"),
    [
        ("5GB", 5_000_000_000, 5 * GIB),
        ("5 GiB", 5 * GIB, 5 * GIB),
        ("4.7gb", 4_700_000_000, int(4.7 * GIB)),
        ("900MB", 900_000_000, 900 << 20),
        ("12345B", 12345, 12345),
    ],
)
def test_a_size_is_decimal_but_memory_is_sold_in_binary(text: str, size: int, binary: int) -> None:
    assert parse_size(text) == size
    assert parse_size(text, binary=True) == binary


@pytest.mark.parametrize("text", ["5", "GB", "-5GB", "0GB", "5 XB", "5GBs", "1e9B", "5IB"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="a number and a unit, such as 16GB"):
        parse_size(text, binary=True)


@given(st.integers(1, 10**13), st.booleans())
def test_an_exact_size_is_read_back_to_the_byte(size: int, binary: bool) -> None:
    assert parse_size(exact_size(size, binary=binary), binary=binary) == size


def test_no_budget_is_the_default() -> None:
    assert wish_of(**NOTHING) == BudgetWish("target_bpw", 5.0, 8192)  # type: ignore[arg-type]
    asked = wish_of(**{**NOTHING, "fit": "16GB", "context": 100})  # type: ignore[arg-type]
    assert asked == BudgetWish("fit", 16 * GIB, 100)


def test_macos_lets_the_gpu_hold_two_thirds_of_a_small_mac_and_three_quarters_of_a_large() -> None:
    shares = {gb: wired_bytes(gb * GIB) / GIB for gb in (16, 24, 36, 64, 128)}
    assert shares == {
        16: pytest.approx(10.67, abs=0.01),
        24: 16,
        36: 24,
        64: 48,
        128: 96,
    }


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("memory")
    return {kind: save_tiny_model(root / kind, kind) for kind in ("llama", "gemma4")}


def test_the_cache_holds_keys_and_values_of_the_grouped_heads(models: dict[str, Path]) -> None:
    """2 layers, 1 head of 32 (not the 2 that ask), keys and values of 2 bytes."""
    model = load_lazily(models["llama"])
    assert cache_bytes(model, 8192) == 2 * 1 * 32 * 2 * 2 * 8192


def test_sliding_layers_stop_growing_and_shared_ones_hold_nothing(models: dict[str, Path]) -> None:
    """Of 4 layers 2 share the others' cache; one of these two slides, the other has heads of 64."""
    model = load_lazily(models["gemma4"])
    growth = cache_bytes(model, 65_536) - cache_bytes(model, 32_768)
    assert growth == 1 * 64 * 2 * 2 * 32_768


@pytest.mark.parametrize("window", [32, 4000, 4096])
def test_a_long_cache_is_what_filling_it_to_the_end_gives(window: int, tmp_path: Path) -> None:
    """Filling is left off where it grows evenly; grouped heads, sliding windows of three sizes."""
    folder = save_tiny_model(tmp_path / "base", "gemma4")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "sliding_window": window}))
    model = load_lazily(folder)
    for context in (1, 2047, 2048, 4097, 6144, 30_001, 65_536):
        assert cache_bytes(model, context) == _filled_to_the_end(model, context), context


def _filled_to_the_end(model: Any, context: int) -> int:
    cache = make_prompt_cache(model)
    most = done = 0
    while done < context:
        step = min(2048, context - done)
        model(mx.zeros((1, step), mx.int32), cache=cache)
        done += step
        most = max(most, sum(layer.nbytes for layer in cache))
    return most


def test_a_cache_of_a_hundred_million_tokens_is_told_in_no_time(models: dict[str, Path]) -> None:
    started = time.process_time()
    assert cache_bytes(load_lazily(models["llama"]), 10**8) == 2 * 1 * 32 * 2 * 2 * 10**8
    assert time.process_time() - started < 5  # filling it would take minutes


def test_a_fit_is_settled_by_the_models_own_cache(models: dict[str, Path]) -> None:
    budget = settle(BudgetWish("fit", 16 * GIB, 1024), models["llama"])
    memory = budget.memory
    assert memory is not None
    assert memory.cache_bytes == 2 * 1 * 32 * 2 * 2 * 1024
    # a chunk of 1024 tokens: the stream of 64 twice, gate, up and product of 128, 2 bytes each
    assert memory.overhead_bytes == 2 * (1024 * 2 * (2 * 64 + 3 * 128)) + BUFFERS_BYTES
    assert memory.room_bytes == wired_bytes(16 * GIB) - memory.cache_bytes - memory.overhead_bytes
    assert memory.made_for == 512
    assert str(memory).startswith("16 GiB of memory, of which the GPU may hold 10.67 GiB, less")
    assert settle(BudgetWish("stored_bpw", 5.0), models["llama"]) == Budget("stored_bpw", 5.0)
