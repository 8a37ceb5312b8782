"""The sensitivities of a way of rounding, from those of nearest."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

import pytest

from hubtool.quantize.calibration import CalibrationMix
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.sensitivity import Sensitivity, measure_sensitivity
from tests.support.tiny_models import TextMix, save_tiny_model


def measured(model: Path, state: Path, rounding: RoundingName) -> Sensitivity:
    return measure_sensitivity(
        model,
        candidate_bits=(3, 4),
        group_size=32,
        group_sizes=(32, 64),
        rounding=rounding,
        mix=cast(CalibrationMix, TextMix()),
        tokens=128,
        seed=0,
        state=state / "state.json",
    )


@pytest.mark.parametrize("kind", ["tied", "moe"])
def test_search_is_said_to_lose_less_at_every_choice(kind: str, tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model", kind)
    nearest, search = (measured(model, tmp_path, name) for name in ("nearest", "search"))
    assert (nearest.rounding, search.rounding) == ("nearest", "search")
    for before, after in zip(nearest.components, search.components, strict=True):
        assert before.name == after.name
        for key, kl in before.kl.items():
            assert 0 < after.kl[key] < 0.95 * kl, (before.name, key)


def test_a_run_that_is_taken_up_again_ends_with_the_same_figures(tmp_path: Path) -> None:
    """What is kept is nearest's: the way of rounding may even change meanwhile."""
    model = save_tiny_model(tmp_path / "model", "tied")
    fresh = measured(model, tmp_path, "search")
    measured(model, tmp_path, "nearest")
    again = measured(model, tmp_path, "search")
    assert dataclasses.asdict(again) == dataclasses.asdict(fresh)


def test_the_factors_do_not_depend_on_what_is_searched_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of a team have other components side by side than one alone."""
    model = save_tiny_model(tmp_path / "model", "tied")
    together = measured(model, tmp_path, "search")
    monkeypatch.setattr("hubtool.quantize.rounding.gains.TOGETHER", 1)
    for one, other in zip(
        together.components, measured(model, tmp_path, "search").components, strict=True
    ):
        assert other.kl == pytest.approx(one.kl, rel=1e-9), one.name
