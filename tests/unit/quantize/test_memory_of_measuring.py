"""Measuring from disk holds a block, whatever the number of blocks."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from hubtool.quantize.sensitivity import measure_sensitivity
from tests.support import tiny_models
from tests.support.tiny_models import TextMix, save_tiny_model


def test_a_model_read_from_disk_takes_no_more_memory_for_more_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live bytes of mlx's own allocator at their highest; a further layer would add 1.2 MB."""
    import mlx.core as mx

    monkeypatch.setattr("hubtool.quantize.reference.free_bytes", lambda: 1000)
    wide = {**tiny_models.CONFIGS["llama"], "hidden_size": 256, "intermediate_size": 512}
    peaks = {}
    for layers in (1, 5):
        monkeypatch.setitem(tiny_models.CONFIGS, "wide", {**wide, "num_hidden_layers": layers})
        folder = save_tiny_model(tmp_path / f"model{layers}", "wide")
        gc.collect()
        mx.clear_cache()
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        measure_sensitivity(
            folder,
            candidate_bits=(4,),
            group_size=64,
            rounding="search",
            mix=TextMix(),  # type: ignore[arg-type]
            tokens=64,
            seed=0,
            state=tmp_path / f"state{layers}.json",
        )
        peaks[layers] = mx.get_peak_memory() - before
    assert peaks[5] < peaks[1] + 3_000_000  # four layers held would be 5 MB
