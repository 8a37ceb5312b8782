"""Records go to JSON and back, and say when they cannot."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from hubtool.errors import JournalUnreadable
from hubtool.quantize.sensitivity import ComponentSensitivity, Sensitivity
from hubtool.records import FileHash, git_blob_sha1, hash_folder, write_whole
from tests.support.allocations import sensitivity

SENSITIVITY = sensitivity(
    [ComponentSensitivity("model.layers.0.mlp.up_proj", 4096, {"4": 0.1, "8": 0.001})], (4, 8)
)


def test_a_record_comes_back_equal(tmp_path: Path) -> None:
    SENSITIVITY.write(tmp_path / "s.json")
    assert Sensitivity.read(tmp_path / "s.json") == SENSITIVITY


def test_equal_content_has_an_equal_fingerprint() -> None:
    copy = Sensitivity.from_json(SENSITIVITY.to_json())
    assert copy.fingerprint() == SENSITIVITY.fingerprint()
    changed = dataclasses.replace(SENSITIVITY, group_size=32)
    assert changed.fingerprint() != SENSITIVITY.fingerprint()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"record": "Allocation"}, "expected a Sensitivity of schema 2, found Allocation of 2"),
        ({"schema": 9}, "found Sensitivity of 9"),
        ({"group_size": "many"}, "Sensitivity.group_size"),
    ],
)
def test_a_record_that_does_not_fit_is_named(change: dict, message: str) -> None:
    with pytest.raises(JournalUnreadable, match=message):
        Sensitivity.from_json({**SENSITIVITY.to_json(), **change})


def test_a_folders_hashes_come_in_path_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"hello")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert hash_folder(tmp_path) == (FileHash("a", 5, hello), FileHash("b/x", 0, empty))


def test_a_failed_write_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "card.md.partial").mkdir()  # stands for every reason not to be able to write
    for name in ("folder", "card.md"):
        with pytest.raises(IsADirectoryError) as caught:
            write_whole(tmp_path / name, "text")
        assert caught.value.filename == str(tmp_path / name)


def test_blob_id_is_the_one_that_git_gives(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"some\0bytes\n")
    done = subprocess.run(["git", "hash-object", tmp_path / "f"], capture_output=True, text=True)
    assert git_blob_sha1(b"some\0bytes\n") == done.stdout.strip()
