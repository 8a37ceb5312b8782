"""``hubtool doctor``: facts of this machine, and no token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

SECRET = "hf_" + "d0ct0r" * 5


def _doctor(*arguments: str, **changes: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "hubtool", "doctor", *arguments],
        env={**os.environ, "HF_TOKEN": SECRET, **changes},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_it_tells_versions_speed_and_room_but_no_token() -> None:
    text = _doctor("--json")
    found = json.loads(text)
    assert found["versions"]["mlx-lm"] == version("mlx-lm")
    assert found["products"]["gflops_a_core"] > 0
    assert 0 < found["memory_free_bytes"] <= found["memory_bytes"]
    assert found["token"] == "HF_TOKEN"
    assert SECRET not in text


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a choice")
def test_it_says_what_would_make_products_faster() -> None:
    text = _doctor(HUBTOOL_BLAS="off")
    assert "matrix products on the CPU by mlx's own library" in text
    assert "-> measuring is 20 times faster with OpenBLAS" in text
    assert SECRET not in text
