"""Run ``hubtool`` as a user does: a process of its own, against a Hub that the test can watch."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

from hubtool.localhub.server import RunningHub

CANARY = "hf_canaryCANARYcanary0123456789"
BASE = "acme/tiny-llama"
QUANT = "me/tiny-llama-OptiQ-4bit"
QUICK = ("--calibration-tokens", "96", "--target-bpw", "5.0", "--verify-tokens", "96")


def environment(home: Path, *, token: str | None = None, **extra: str) -> dict[str, str]:
    """A user's environment: own home, own cache, that token and nothing inherited from CI."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "GITHUB_", "HUBTOOL_")) and name != "CI"
    }
    settings = {"HOME": str(home), "HF_HOME": str(home / "hf"), "XDG_DATA_HOME": str(home / "data")}
    if token is not None:
        settings["HF_TOKEN"] = token
    return {**kept, **settings, "HF_HUB_DISABLE_TELEMETRY": "1", **extra}


def hubtool(
    *arguments: str, cwd: Path, env: dict[str, str], timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run to the end; stdout and stderr apart."""
    return subprocess.run(
        [sys.executable, "-m", "hubtool", *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def kill_when(
    text: str, *arguments: str, cwd: Path, env: dict[str, str], after: float = 0.0
) -> str:
    """Start ``hubtool`` and ``kill -9`` its process group ``after`` seconds from the moment a
    line of stderr holds ``text``; returns the stderr up to then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hubtool", *arguments],
        cwd=cwd,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    seen = []
    watchdog = threading.Timer(240, process.kill)
    watchdog.start()
    try:
        for line in process.stderr:
            seen.append(line)
            if text in line:
                time.sleep(after)
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.wait()
    finally:
        watchdog.cancel()
        process.stderr.close()
    output = "".join(seen)
    assert text in output, f"the run ended before it said {text!r}:\n{output}"
    assert process.returncode == -signal.SIGKILL
    return output


def files_holding(folder: Path, secret: str) -> list[str]:
    """Every file below ``folder`` with these bytes in it."""
    needle = secret.encode()
    return [
        str(file.relative_to(folder))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and needle in file.read_bytes()
    ]


def adopt_token(hub: RunningHub, token: str) -> None:
    """Let ``token`` be one of the Hub's own user: for a canary that must not leak."""
    with sqlite3.connect(hub.store.root / "hub.sqlite") as connection:
        connection.execute("INSERT INTO tokens VALUES (?, ?, ?)", (token, "local", "write"))
