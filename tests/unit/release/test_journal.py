"""The lock on a work folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubtool.errors import WorkFolderBusy
from hubtool.release.journal import hold
from tests.support.holder import start_holder


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    other = start_holder("hubtool.release.journal", "hold", tmp_path)
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
