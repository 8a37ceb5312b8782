"""The lock on a work folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hubtool.errors import WorkFolderBusy
from hubtool.release.journal import hold

HOLD_AND_WAIT = """
import sys
from pathlib import Path
from hubtool.release.journal import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_WAIT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with (
        pytest.raises(WorkFolderBusy, match=f"hubtool process {other.pid}, started 2"),
        hold(tmp_path),
    ):
        pass
    other.kill()
    other.communicate()
    with hold(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()
    assert not [*tmp_path.iterdir()]
