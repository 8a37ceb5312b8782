"""Which commit a manifest was read from."""

from __future__ import annotations

from pathlib import Path

import pytest
from git import Actor, Repo

from hubtool.card.provenance import GitSource
from hubtool.release.git_source import git_source

AUTHOR = Actor("A", "a@example.org")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest that is committed."""
    repo = Repo.init(tmp_path)
    file = tmp_path / "releases" / "a.yaml"
    file.parent.mkdir()
    file.write_text("base: a/b\n")
    repo.index.add([str(file)])
    repo.index.commit("add", author=AUTHOR, committer=AUTHOR)
    return file


def test_a_committed_manifest_names_its_commit_and_tag(manifest: Path) -> None:
    repo = Repo(manifest.parents[1])
    assert git_source(manifest) == GitSource(
        repo.head.commit.hexsha, None, manifest="releases/a.yaml"
    )
    repo.create_tag("v1")
    assert git_source(manifest) == GitSource(
        repo.head.commit.hexsha, "v1", manifest="releases/a.yaml"
    )
    repo.create_tag("also-v1")
    assert git_source(manifest) == GitSource(
        repo.head.commit.hexsha, None, manifest="releases/a.yaml"
    )


def test_a_changed_or_new_manifest_names_none(manifest: Path) -> None:
    manifest.write_text("base: a/c\n")
    assert git_source(manifest) is None
    new = manifest.with_name("new.yaml")
    new.write_text("base: a/b\n")
    assert git_source(new) is None


def test_outside_of_a_repo_and_before_its_first_commit_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("")
    assert git_source(file) is None
    Repo.init(tmp_path)
    assert git_source(file) is None
