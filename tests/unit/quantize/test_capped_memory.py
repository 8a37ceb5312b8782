"""Comparing a model in a limited memory: the kernel refuses what goes beyond it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import tiny_models
from tests.support.tiny_models import save_tiny_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits are read on Linux only"),
]
# Of private memory, 110 MB of which a process takes that has imported everything. The base has
# 270 MB of weights, and its head at 5 bit takes 1.6 GB while mlx's kernel unpacks it.
CAP_BYTES = 700_000_000


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose vocabulary is most of it, and its quant at 5 bit."""
    from mlx_lm import convert

    root = tmp_path_factory.mktemp("capped")
    wide = {"hidden_size": 2048, "vocab_size": 32_000, "num_hidden_layers": 1}
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setitem(tiny_models.CONFIGS, "wide", {**tiny_models.CONFIGS["llama"], **wide})
        save_tiny_model(root / "base", "wide")
        convert(str(root / "base"), mlx_path=str(root / "quant"), quantize=True, q_bits=5)
    return root


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubtool", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (CAP_BYTES, CAP_BYTES)),
    )


def test_a_comparison_stays_within_what_it_says_that_it_needs(folders: Path) -> None:
    quant, base = str(folders / "quant"), str(folders / "base")
    done = _run("verify", quant, "--base-folder", base, "--tokens", "96", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["distance"] is not None
