"""What makes measuring fast changes no result: blocks, prefixes, parts, and what has no gradient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlx_lm.models import llama

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


class _Blocks:
    """The blocks of every Llama of two made from now on: how often they ran."""

    def __init__(self, patch: pytest.MonkeyPatch, *, hand_on: bool) -> None:
        """``hand_on``: the second reads what the first was given, as it would shared keys."""
        self.runs = 0
        made = 0
        left: list[Any] = []
        make, run = llama.TransformerBlock.__init__, llama.TransformerBlock.__call__

        def numbered(block: Any, *args: Any, **kwargs: Any) -> None:
            nonlocal made
            make(block, *args, **kwargs)
            block.number = made % 2
            made += 1

        def counted(block: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            self.runs += 1
            out = run(block, x, *args, **kwargs)
            if not hand_on:
                return out
            if block.number == 0:
                left.append(x)
                return out
            return out + left.pop() if left else out

        patch.setattr(llama.TransformerBlock, "__init__", numbered)
        patch.setattr(llama.TransformerBlock, "__call__", counted)

    def during(self, call: Callable[[], Sensitivity]) -> tuple[Sensitivity, int]:
        self.runs = 0
        return call(), self.runs


TRIED = 2 + 1  # runs of a whole pass and of one without the first block: the trial of the reuse


def test_probes_that_reuse_their_prefix_are_whole_passes_but_shorter(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two blocks has 7 components at 2 widths: each of these runs one block less."""
    blocks = _Blocks(monkeypatch, hand_on=False)
    reused, short = blocks.during(lambda: measure("exact"))
    monkeypatch.setattr(exact, "_reusable", lambda *_: False)
    whole, full = blocks.during(lambda: measure("exact"))
    _require_equal(reused, whole, 1e-4)
    assert full - short == 7 * 2 - TRIED


def test_no_prefix_is_reused_where_a_block_reads_what_an_earlier_one_left(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = _Blocks(monkeypatch, hand_on=True)
    found, tried = blocks.during(lambda: measure("exact"))
    monkeypatch.setattr(exact, "_reusable", lambda *_: False)
    whole, full = blocks.during(lambda: measure("exact"))
    _require_equal(found, whole, 1e-6)
    assert tried - full == TRIED


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
