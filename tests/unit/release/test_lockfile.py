"""Lock files: what is pinned, what would change, and how that is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.errors import LockOutOfDate, ManifestInvalid
from hubtool.release.lockfile import (
    Lock,
    differences,
    lock_of,
    locked_tools,
    manifest_files,
    pinned,
    read_lock,
    remember_pin,
    renew,
    require_locked,
    write_lock,
)
from hubtool.release.manifest import ReleaseManifest, load_manifest
from tests.support.git_repo import manifest

SHA, NEWER = "a" * 40, "b" * 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "releases" / "r.yaml"
    path.parent.mkdir()
    path.write_text(manifest())
    return path


def asked(file: Path, **flags: str) -> ReleaseManifest:
    return load_manifest(file, flags)


def test_a_lock_names_base_request_commit_and_tools(file: Path) -> None:
    remember_pin(file, asked(file, revision="main"), SHA)
    lock = read_lock(file)
    assert lock is not None
    assert (lock.base, lock.asked, lock.revision) == ("acme/tiny", "main", SHA)
    assert set(lock.tools) == {"hubtool", "mlx", "mlx-lm"}
    assert write_lock(file, lock) is False


def test_a_quant_of_another_tool_locks_hubtool_alone(file: Path) -> None:
    assert set(lock_of(asked(file, quant="./made"), SHA).tools) == {"hubtool"}


def test_a_branch_stays_at_its_first_commit_until_another_is_asked(file: Path) -> None:
    remember_pin(file, asked(file, revision="main"), SHA)
    assert pinned(asked(file, revision="main"), file).revision == SHA
    assert pinned(asked(file, revision="v2"), file).revision == "v2"
    assert pinned(asked(file), file).revision is None


def test_a_release_that_would_change_nothing_passes(file: Path) -> None:
    remember_pin(file, asked(file), SHA)
    require_locked(asked(file), file, "r")
    assert differences(asked(file), lock_of(asked(file), SHA)) == ()


def test_every_difference_is_named_with_both_values(file: Path) -> None:
    tools = {**lock_of(asked(file), SHA).tools, "mlx": "0.1"}
    write_lock(file, Lock(base="acme/old", asked="v1", revision=SHA, tools=tools))
    with pytest.raises(LockOutOfDate) as caught:
        require_locked(asked(file), file, "releases/r.yaml")
    found = {one["field"]: one["locked"] for one in caught.value.details["differences"]}
    assert found == {"base": "acme/old", "asked": "v1", "tools.mlx": "0.1"}
    assert "mlx is locked at 0.1, now " in caught.value.message
    assert "hubtool lock releases/r.yaml" in caught.value.remedy
    assert caught.value.exit_code == 1


def test_without_a_lock_the_command_that_writes_it_is_named(file: Path) -> None:
    with pytest.raises(LockOutOfDate, match=r"r\.yaml has no lock file") as caught:
        require_locked(asked(file), file, "releases/r.yaml")
    assert "hubtool lock releases/r.yaml" in caught.value.remedy


@pytest.mark.parametrize("text", ["base: [", "base: a/b\nrevision: main\n", "- 1\n", "more: 1\n"])
def test_a_damaged_lock_is_named(file: Path, text: str) -> None:
    file.with_name("r.lock.yaml").write_text(text)
    with pytest.raises(ManifestInvalid, match=r"r\.lock\.yaml"):
        pinned(asked(file), file)


def test_renewing_keeps_the_commit_until_it_is_asked_to_move(file: Path) -> None:
    questions: list[tuple[str, str | None]] = []

    def resolve(repo: str, revision: str | None) -> str:
        questions.append((repo, revision))
        return NEWER

    write_lock(file, Lock(base="acme/tiny", revision=SHA, tools={"mlx": "0.1"}))
    kept = renew(file, asked(file), resolve, upgrade=False)
    assert (kept.revision, questions) == (SHA, [])
    assert kept.tools["mlx"] != "0.1"
    assert renew(file, asked(file), resolve, upgrade=True).revision == NEWER
    assert renew(file, asked(file, revision="v2"), resolve, upgrade=False).asked == "v2"
    assert questions == [("acme/tiny", None), ("acme/tiny", "v2")]


def test_locks_that_disagree_give_no_requirements(file: Path) -> None:
    one = Lock(base="a/b", revision=SHA, tools={"mlx": "1", "hubtool": "2"})
    other = Lock(base="a/b", revision=SHA, tools={"mlx": "1"})
    assert locked_tools([(file, one), (file, other)]) == {"mlx": "1", "hubtool": "2"}
    newer = other.model_copy(update={"tools": {"mlx": "2"}})
    with pytest.raises(LockOutOfDate, match=r"has mlx 1, .* has 2"):
        locked_tools([(file, one), (file.with_name("s.yaml"), newer)])


def test_lock_files_are_no_manifests(file: Path) -> None:
    remember_pin(file, asked(file), SHA)
    assert manifest_files(file.parent) == [file]


@pytest.mark.parametrize(
    "tool",
    ['"evil @ https://evil.example/x.whl": "1"', '"--index-url": "1"', 'mlx: "1 -r /etc/passwd"'],
)
def test_nothing_but_names_and_versions_reaches_pip(file: Path, tool: str) -> None:
    text = f"base: acme/tiny\nrevision: {SHA}\ntools: {{{tool}}}\n"
    file.with_name("r.lock.yaml").write_text(text)
    with pytest.raises(ManifestInvalid, match=r"r\.lock\.yaml: tools"):
        read_lock(file)


def test_a_base_that_moved_is_not_mended_by_installing(file: Path) -> None:
    tools = lock_of(asked(file), SHA).tools
    write_lock(file, Lock(base="acme/old", revision=SHA, tools=tools))
    with pytest.raises(LockOutOfDate) as caught:
        require_locked(asked(file), file, "r")
    assert "install" not in caught.value.remedy


def test_manifests_in_folders_below_are_locked_too(file: Path) -> None:
    nested = file.parent / "group/n.yaml"
    nested.parent.mkdir()
    nested.write_text("base: a/b")
    assert manifest_files(file.parent) == [nested, file]
