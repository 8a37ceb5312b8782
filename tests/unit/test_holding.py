"""One process at a time writes an output; a killed one holds nobody up."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool import holding
from hubtool.errors import WorkFolderBusy
from hubtool.holding import hold_output
from tests.support.holder import start_holder


def test_a_second_process_is_refused_until_the_first_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "sensitivity.json"
    other = start_holder("hubtool.holding", "hold_output", out)
    refused = pytest.raises(WorkFolderBusy, match=f"json is in use by hubtool process {other.pid},")
    with refused as raised, hold_output(out):
        pass
    assert raised.value.remedy == "wait for that run, or name another output"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkFolderBusy), hold_output(Path("sensitivity.json")):
        pass  # by whatever path
    with hold_output(tmp_path / "other.json"):
        pass
    other.kill()
    other.communicate()
    with hold_output(out):
        pass
    assert not [*tmp_path.iterdir()]


def test_folders_that_were_made_for_it_go_again_unless_something_is_in_them(tmp_path: Path) -> None:
    with hold_output(tmp_path / "a/b/quant"):
        assert (tmp_path / "a/b").is_dir()
    assert not [*tmp_path.iterdir()]
    with hold_output(tmp_path / "a/b/quant"):
        (tmp_path / "a/kept").touch()
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["kept"]


def test_nothing_is_held_where_no_file_can_be_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is changed in place may be the only one with a right to write."""
    monkeypatch.setattr(holding.os, "access", lambda *_: False)
    with hold_output(tmp_path / "quant"), hold_output(tmp_path / "quant"):
        assert not [*tmp_path.iterdir()]


def test_a_file_and_the_folder_of_its_name_are_not_written_at_once(tmp_path: Path) -> None:
    """Their measurements would share a state file."""
    file, folder = tmp_path / "q.json", tmp_path / "q"
    with hold_output(file), pytest.raises(WorkFolderBusy), hold_output(folder):
        pass
    with hold_output(Path("/")):  # has no name, nor a place beside it
        pass
