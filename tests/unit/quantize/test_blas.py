"""Which BLAS mlx computes with: settled before mlx is imported, so each case is a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = "from hubtool.quantize.blas import prefer_fast_blas; print(prefer_fast_blas())"


def ask(program: str, blas: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HUBTOOL_BLAS": blas},
        capture_output=True,
        text=True,
        check=False,
    )


def test_off_means_mlx_own_library() -> None:
    assert ask(ASK, "off").stdout == "None\n"


def test_asking_does_not_import_mlx() -> None:
    assert ask(f"{ASK}; import sys; print('mlx' in sys.modules)", "").stdout.endswith("False\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a choice")
def test_a_library_that_cannot_be_loaded_is_named() -> None:
    asked = ask(ASK, "/no/such/libblas.so")
    assert "HUBTOOL_BLAS names /no/such/libblas.so, which is no loadable BLAS" in asked.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a choice")
def test_once_mlx_is_there_nothing_is_loaded_any_more() -> None:
    assert ask(f"import mlx.core; {ASK}", "/no/such/libblas.so").stdout == "None\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a choice")
def test_whoever_loads_a_model_first_takes_the_fast_library(tmp_path: Path) -> None:
    """The allocation looks at shapes before anything is computed: mlx is imported there."""
    from tests.support.tiny_models import save_tiny_model

    save_tiny_model(tmp_path / "model", "llama")
    lines = (
        "import sys",
        "from pathlib import Path",
        "from hubtool.quantize.blas import prefer_fast_blas",
        "from hubtool.quantize.footprint import footprint_of_folder",
        "footprint_of_folder(Path(sys.argv[1]), 32)",
        "asked = prefer_fast_blas()",  # answers None once mlx is there without it
        "prefer_fast_blas.cache_clear()",
        "sys.modules.pop('mlx.core')",
        "print(asked == prefer_fast_blas())",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"
