"""One sound quant for each test, to spoil."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sound_quant import write_sound_quant


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    """A sound quant in a folder of its own."""
    folder = tmp_path / "work" / "quant"
    write_sound_quant(folder)
    return folder
