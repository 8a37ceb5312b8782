"""What makes measuring fast changes no result: blocks, prefixes, parts, and what has no gradient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubtool.quantize import exact, gradients
from hubtool.quantize.sensitivity import Method, Sensitivity, measure_sensitivity
from tests.support.tiny_models import TextMix, save_tiny_model

Measure = Callable[..., Sensitivity]


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tied", "tied")


@pytest.fixture
def measure(tied: Path, tmp_path: Path) -> Measure:
    """Each call measures anew."""
    calls = 0

    def call(method: Method) -> Sensitivity:
        nonlocal calls
        calls += 1
        return measure_sensitivity(
            tied,
            candidate_bits=(4, 8),
            group_size=64,
            mix=TextMix(),
            tokens=128,
            seed=0,
            reference="bf16",
            method=method,
            state=tmp_path / f"{calls}.json",
        )

    return call


def _kl(found: Sensitivity) -> dict[str, dict[str, float]]:
    return {one.name: one.kl for one in found.components}


def _require_equal(first: Sensitivity, second: Sensitivity, rel: float) -> None:
    for name, kl in _kl(first).items():
        assert _kl(second)[name] == pytest.approx(kl, rel=rel), name


def test_block_by_block_is_the_whole_graph(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = measure("fisher")
    monkeypatch.setattr(gradients, "_forward", lambda *_: None)
    _require_equal(blocks, measure("fisher"), 1e-3)


def test_probes_that_reuse_their_prefix_are_whole_passes(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    reused = measure("exact")
    monkeypatch.setattr(exact, "_reusable", lambda *_: False)
    _require_equal(reused, measure("exact"), 1e-4)


@pytest.mark.parametrize("method", ["fisher", "exact"])
def test_a_large_head_in_parts_is_the_head(
    measure: Measure, monkeypatch: pytest.MonkeyPatch, method: Method
) -> None:
    whole = measure(method)
    monkeypatch.setattr("hubtool.quantize.running.LARGE_ELEMENTS", 1000)
    monkeypatch.setattr("hubtool.quantize.products.PART_ELEMENTS", 700)
    monkeypatch.setattr(gradients, "LOGITS_BYTES", 4 * 128 * 10)
    _require_equal(whole, measure(method), 1e-3)


def test_what_no_gradient_reaches_is_probed(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = gradients._watch_block

    def stopped(running: Any, chain: Any, number: int) -> Any:
        if number == 0:
            raise ValueError("[Primitive::vjp] Not implemented for CustomKernel.")
        return original(running, chain, number)

    usual, probed = _kl(measure("fisher")), _kl(measure("exact"))
    monkeypatch.setattr(gradients, "_watch_block", stopped)
    mixed = _kl(measure("fisher"))
    for name, kl in mixed.items():
        first = ".layers.0." in name
        if first or ".layers.1." in name:
            assert kl == pytest.approx((probed if first else usual)[name], rel=1e-6), name


def test_the_noise_floor_lies_below_what_is_measured(measure: Measure) -> None:
    found = measure("fisher")
    assert found.noise_floor is not None
    assert 0 < found.noise_floor < min(kl["8"] for kl in _kl(found).values()) / 100
