"""What tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.tiny_models import save_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``base`` and, made by the commands, ``sensitivity.json`` and ``quant``."""
    root = tmp_path_factory.mktemp("stages")
    save_tiny_model(root / "base", "llama")
    measured = run("measure", "base", "--tokens", "96", cwd=root)
    assert measured.returncode == 0, measured.stderr
    assert measured.stdout == "sensitivity.json: 16 components at 15 choices\n"
    assert sorted(path.name for path in root.iterdir()) == ["base", "sensitivity.json"]
    quantized = run(
        "quantize", "base", "quant", "--sensitivity", "sensitivity.json", "--explain", cwd=root
    )
    assert quantized.returncode == 0, quantized.stderr
    assert "model.layers.0.mlp.down_proj" in quantized.stdout
    return root
