"""A process that holds something until it is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HOLD_AND_WAIT = """
import sys
from pathlib import Path
from {module} import {hold}
with {hold}(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(module: str, hold: str, path: Path) -> subprocess.Popen[str]:
    """A process within ``module``'s context ``hold`` of ``path``: it has entered that already."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_WAIT.format(module=module, hold=hold), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other
