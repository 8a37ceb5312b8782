"""A process run to its end: how much memory it took at the most, and how long."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Peak:
    """One process: bytes at their highest, and how long it took."""

    stage: str
    model_bytes: int
    peak_bytes: int
    private_bytes: int
    seconds: float


def run(
    stage: str,
    command: Sequence[str],
    model_bytes: int,
    *,
    cap: int | None = None,
    **variables: str,
) -> Peak:
    """Run ``command`` to its end. Raises SystemExit with what it said if it fails."""

    def limit() -> None:
        if cap is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))

    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command,
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **variables},
        )
        private = 0
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            private = max(private, sum(map(_private_bytes, _with_children(child.pid))))
            time.sleep(0.05)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(
                f"{stage} ended with {child.returncode}:\n{said.read()[-3000:].decode()}"
            )
    seconds = time.monotonic() - started
    return Peak(stage, model_bytes, usage.ru_maxrss * 1024, private, seconds)


def _private_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _with_children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(found for child in children for found in _with_children(int(child)))]
    return [pid]
