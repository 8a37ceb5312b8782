"""Run ``hubtool`` in a process of its own, in the environment of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; stdout and stderr apart. ``variables`` are laid over the environment."""
    return subprocess.run(
        [sys.executable, "-m", "hubtool", *arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
