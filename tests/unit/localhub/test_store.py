"""The store without a server: seeding, reading, one owner."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtool.errors import LocalHubFailed, PathNotFound
from hubtool.localhub.refusal import Refusal, RootBusy
from hubtool.localhub.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "hub") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "sub").mkdir(parents=True)
    (made / ".cache").mkdir()
    (made / "README.md").write_text("# hi\n")
    (made / "sub" / "w.safetensors").write_bytes(b"weights")
    (made / ".cache" / "x").write_text("left out")
    return made


def test_seeded_folder_is_one_commit_with_its_files(store: Store, folder: Path) -> None:
    commit = store.seed_repo("org/m", folder)
    assert store.head("org/m") == commit
    assert {path: entry.is_lfs for path, entry in store.tree("org/m").items()} == {
        ".gitattributes": False,
        "README.md": False,
        "sub/w.safetensors": True,
    }
    assert store.read("org/m", "main", "sub/w.safetensors") == b"weights"
    repo = store.repos.get("org/m")
    assert [one.title for one in store.history.log(repo, commit)] == ["Add files", "initial commit"]


def test_seeding_again_commits_only_differences(store: Store, folder: Path) -> None:
    first = store.seed_repo("org/m", folder)
    assert store.seed_repo("org/m", folder) == first
    (folder / "README.md").unlink()
    assert store.seed_repo("org/m", folder) == first
    second = store.seed_repo("org/m", folder, replace=True)
    assert second != first
    assert list(store.tree("org/m")) == [".gitattributes", "sub/w.safetensors"]
    assert "README.md" in store.tree("org/m", first)


def test_large_file_is_linked_not_copied(store: Store, folder: Path) -> None:
    source = folder / "big.safetensors"
    source.write_bytes(os.urandom(1_200_000))
    store.seed_repo("org/m", folder)
    blob = store.blobs.path(store.tree("org/m")["big.safetensors"].sha256)
    assert blob.stat().st_ino == source.stat().st_ino
    # the source may be replaced afterwards, as tools do that write and rename
    new = folder / "new"
    new.write_bytes(b"other")
    new.replace(source)
    assert blob.stat().st_size == 1_200_000


def test_gate_and_visibility_are_set_and_kept(store: Store, folder: Path) -> None:
    store.seed_repo("org/m", folder, gated="manual", private=True)
    store.seed_repo("org/m", folder)
    repo = store.repos.get("org/m")
    assert (repo.gated, repo.private) == ("manual", True)


def test_missing_things_are_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(PathNotFound, match="nowhere"):
        store.seed_repo("org/m", tmp_path / "nowhere")
    assert store.head("org/m") is None
    with pytest.raises(Refusal, match="org/m"):
        store.tree("org/m")


@pytest.mark.parametrize(
    "repo_id",
    ["m", "a/b/c", "-a/b", "a/b--c", "a/b..c", "a/b.git", "a/.b", "api/m", "a/" + "b" * 97],
)
def test_bad_repo_ids_are_refused(store: Store, repo_id: str) -> None:
    with pytest.raises(Refusal) as caught:
        store.create_repo(repo_id)
    assert caught.value.status == 400


def test_failed_transaction_leaves_nothing(store: Store, folder: Path) -> None:
    def seed_and_fail() -> None:
        with store.transaction():
            store.seed_repo("org/m", folder)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        seed_and_fail()
    assert store.head("org/m") is None


def test_content_outlives_the_process_and_has_one_owner(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "kept"
    with Store(root) as first:
        commit = first.seed_repo("org/m", folder)
        with pytest.raises(RootBusy, match="another process"):
            Store(root)
    with Store(root) as second:
        assert second.head("org/m") == commit
        assert second.accounts.token_of("local") == second.accounts.token_of("local")


def test_store_of_a_newer_hubtool_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "hub"
    Store(root).close()
    with sqlite3.connect(root / "hub.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LocalHubFailed, match="schema 99"):
        Store(root)
