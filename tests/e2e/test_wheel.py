"""The wheel alone, with its templates and data, runs the demo; a second run finds nothing to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.release import environment, hubtool

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_runs_the_demo(tmp_path: Path) -> None:
    # both archives: the wheel is built from the sdist, which so proves to be whole
    build = [sys.executable, "-m", "build", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "dist").glob("hubtool-*.tar.gz"))) == 1
    (wheel,) = (tmp_path / "dist").glob("hubtool-*.whl")
    installed = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--target", installed, wheel], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    env = environment(tmp_path / "home", PYTHONPATH=str(installed))
    where = [sys.executable, "-c", "import hubtool; print(hubtool.__file__)"]
    found = subprocess.run(
        where, cwd=elsewhere, env=env, capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(str(installed))

    made = hubtool("init", "quants", "--org", "acme", cwd=elsewhere, env=env)
    assert made.returncode == 0, made.stderr
    assert (elsewhere / "quants/.github/actions/release/action.yml").is_file()

    first = hubtool("demo", "--only", "gemma4", cwd=elsewhere, env=env)
    assert first.returncode == 0, first.stderr
    assert "demo-org/gemma-4-tiny-it-OptiQ-4bit: published" in first.stdout
    again = hubtool("demo", "--only", "gemma4", cwd=elsewhere, env=env)
    assert again.returncode == 0, again.stderr
    assert "already published; nothing to do" in again.stdout
