"""Measuring with mlx's own arrays, as on a GPU, against numpy's."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import mlx.core as mx
import pytest

from hubtool.quantize.arrays import library
from hubtool.quantize.calibration import CalibrationMix
from hubtool.quantize.sensitivity import Sensitivity, measure_sensitivity
from tests.support.tiny_models import CONFIGS, TextMix, save_tiny_model


def measured(model: Path, state: Path) -> Sensitivity:
    return measure_sensitivity(
        model,
        candidate_bits=(3, 8),
        group_size=32,
        group_sizes=(32, 64),
        rounding="nearest",
        mix=cast(CalibrationMix, TextMix()),
        tokens=128,
        seed=0,
        state=state,
    )


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_a_gpu_finds_what_a_cpu_finds(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is none here: mlx says that it computes on one, and goes on with the CPU."""
    model = save_tiny_model(tmp_path / "model", kind)
    ours = measured(model, tmp_path / "cpu.json")
    assert library().__name__ == "numpy"
    monkeypatch.setattr(mx, "default_device", lambda: mx.Device(mx.gpu))
    assert library() is mx
    theirs = measured(model, tmp_path / "gpu.json")
    for one, other in zip(ours.components, theirs.components, strict=True):
        assert other.kl == pytest.approx(one.kl, rel=1e-4), one.name
