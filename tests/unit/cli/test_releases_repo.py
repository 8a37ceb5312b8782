"""The commands of a releases repository, on a tiny one: init, lock, matrix, release --locked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hubtool.cli.app import app
from hubtool.errors import GitUnusable, LockOutOfDate, PathNotFound, TagNotFound
from hubtool.release.lockfile import lock_of, write_lock
from hubtool.release.manifest import load_manifest
from tests.support.git_repo import Releases, manifest


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """Two manifests, committed and locked; the working folder is theirs."""
    made = Releases(tmp_path / "quants")
    files = {"releases/a.yaml": manifest(), "releases/b.yaml": manifest("acme/other")}
    made.commit_files(files)
    for path in files:
        file = made.folder / path
        write_lock(file, lock_of(load_manifest(file, {}), "a" * 40))
    monkeypatch.chdir(made.folder)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_lock_check_passes_on_locks_that_fit(releases: Releases) -> None:
    done = run("lock", "--check", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"checked": ["releases/a.yaml", "releases/b.yaml"]}


def test_lock_check_names_every_lock_that_does_not(releases: Releases) -> None:
    Path("releases/a.lock.yaml").unlink()
    Path("releases/b.yaml").write_text(manifest("acme/changed"))
    done = run("lock", "--check")
    assert isinstance(done.exception, LockOutOfDate)
    assert done.exception.exit_code == 1
    assert "releases/a.yaml has no lock file" in done.exception.message
    assert "base is locked at acme/other, now acme/changed" in done.exception.message
    assert run("lock", "--check", "releases/b.yaml").exit_code != 0


def test_lock_tools_are_requirements(releases: Releases) -> None:
    done = run("lock", "--tools", "releases/a.yaml")
    names = [line.partition("==")[0] for line in done.stdout.splitlines()]
    assert sorted(names) == ["hubtool", "mlx", "mlx-lm"]
    Path("releases/a.lock.yaml").unlink()
    assert run("lock", "--tools", "releases/a.yaml").stdout == ""


def test_without_a_manifest_there_is_nothing_to_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(run("lock").exception, PathNotFound)


def test_matrix_prints_json_or_paths(releases: Releases) -> None:
    done = json.loads(run("matrix").stdout)
    assert [job["repo"] for job in done["include"]] == ["me/tiny-OptiQ-4bit", "me/other-OptiQ-4bit"]
    assert run("matrix", "--lines").stdout == "releases/a.yaml\nreleases/b.yaml\n"
    releases.tag("b/v1")
    assert run("matrix", "--tag", "b/v1", "--lines").stdout == "releases/b.yaml\n"
    assert json.loads(run("matrix", "--changed-since", "b/v1").stdout) == {"include": []}
    assert isinstance(run("matrix", "--tag", "v9").exception, TagNotFound)


def test_matrix_sets_the_outputs_of_a_step(
    releases: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    printed = run("matrix", "--github").stdout.strip()
    text = (tmp_path / "output").read_text()
    assert f"\n{printed}\n" in text
    assert "\n2\n" in text
    assert "base_key<<" not in text  # of two releases there is no one key
    run("matrix", "--github", "--manifest", "releases/a.yaml")
    assert "base_key<<" in (tmp_path / "output").read_text()


def test_a_locked_release_without_its_lock_stops_before_the_hub(releases: Releases) -> None:
    Path("releases/a.lock.yaml").unlink()
    done = run("release", "--manifest", "releases/a.yaml", "--locked")
    assert isinstance(done.exception, LockOutOfDate)
    releases.tag("a/v1")
    done = run("release", "--tag", "a/v1", "--locked")
    assert isinstance(done.exception, LockOutOfDate)
    assert "releases/a.yaml has no lock file" in done.exception.message


def test_a_tags_release_takes_no_base(releases: Releases) -> None:
    done = run("release", "acme/tiny", "--tag", "a/v1")
    assert done.exit_code == 2
    assert "leave BASE out" in done.output


def test_a_tag_outside_of_a_repository_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(run("release", "--tag", "a/v1").exception, GitUnusable)
    assert isinstance(run("matrix").exception, GitUnusable)


def test_init_tells_what_it_wrote_and_what_it_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    done = json.loads(run("init", str(tmp_path), "--org", "acme", "--json").stdout)
    written = {one["path"]: one["written"] for one in done["files"]}
    assert written.pop("README.md") is False
    assert len(written) == 7
    assert all(written.values())
