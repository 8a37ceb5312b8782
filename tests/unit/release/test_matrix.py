"""The matrix: one manifest a job, and cache keys that change with what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hubtool.errors import GitUnusable, MatrixTooLarge, NoManifestForTag
from hubtool.release import matrix
from hubtool.release.lockfile import Lock, write_lock
from hubtool.release.manifest import ReleaseManifest, load_manifest
from hubtool.release.matrix import Job, cache_keys, jobs_of
from tests.support.git_repo import Releases, manifest

TOOLS = {"hubtool": "1", "mlx": "2"}


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    made = Releases(tmp_path / "quants")
    made.commit_files({"releases/a.yaml": manifest(), "releases/b.yaml": manifest("acme/other")})
    made.tag("v1")
    return made


def jobs(releases: Releases, **options: Any) -> tuple[Job, ...]:
    wanted = {"tag": None, "changed_since": None, "only": None, "flags": {}, **options}
    with releases.repo as repo:
        return jobs_of(repo, **wanted)


def test_every_manifest_is_a_job_with_its_target(releases: Releases) -> None:
    found = jobs(releases)
    assert [(one.manifest, one.name, one.repo, one.work) for one in found] == [
        ("releases/a.yaml", "a", "me/tiny-OptiQ-4bit", "me--tiny-OptiQ-4bit"),
        ("releases/b.yaml", "b", "me/other-OptiQ-4bit", "me--other-OptiQ-4bit"),
    ]
    assert jobs(releases, only="releases/b.yaml") == found[1:]
    (named, _) = jobs(releases, flags={"publish": {"org": "us"}})
    assert named.repo == "us/tiny-OptiQ-4bit"


def test_a_manifest_that_is_not_there_and_a_repository_without_a_commit(
    releases: Releases, tmp_path: Path
) -> None:
    for tag in (None, "v1"):
        with pytest.raises(NoManifestForTag, match=r"has no releases/typo\.yaml"):
            jobs(releases, only="releases/typo.yaml", tag=tag)
    with pytest.raises(GitUnusable, match="no commit yet"):
        jobs(Releases(tmp_path / "empty"))


def test_only_what_changed_since_a_tag(releases: Releases) -> None:
    assert jobs(releases, changed_since="v1") == ()
    releases.commit_files({"releases/b.yaml": manifest("acme/third")})
    assert [one.base for one in jobs(releases, changed_since="v1")] == ["acme/third"]
    releases.tag("v2")
    assert [one.base for one in jobs(releases, tag="v2")] == ["acme/third"]
    assert [one.base for one in jobs(releases, tag="v1")] == ["acme/tiny", "acme/other"]


def test_a_lock_gives_the_tools_and_the_commit_of_the_key(releases: Releases) -> None:
    before = jobs(releases)[0]
    assert before.tools == ""
    file = releases.folder / "releases/a.yaml"
    write_lock(file, Lock(base="acme/tiny", revision="a" * 40, tools=TOOLS))
    releases.commit_files({"releases/a.lock.yaml": file.with_name("a.lock.yaml").read_text()})
    after = jobs(releases)[0]
    assert after.tools == "hubtool==1\nmlx==2"
    assert after.base_key != before.base_key


def keys(**fields: Any) -> tuple[str, str, str]:
    asked: ReleaseManifest = load_manifest(
        None, {"base": "acme/tiny", "publish": {"org": "me"}, **fields}
    )
    return cache_keys(asked, TOOLS)


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"baseline": "a/b", "drafter": "a/c", "card": {"template": "plain"}}, (True, True, True)),
        ({"quantize": {"target_bpw": 4.5}}, (True, True, False)),
        ({"sidecars": {"vision": "off"}}, (True, True, False)),
        ({"quantize": {"seed": 1}}, (True, False, False)),
        ({"revision": "a" * 40}, (False, False, False)),
        ({"base": "acme/other"}, (False, False, False)),
    ],
)
def test_a_key_changes_with_what_its_cache_holds(
    fields: dict[str, Any], same: tuple[bool, bool, bool]
) -> None:
    pairs = zip(keys(), keys(**fields), strict=True)
    assert tuple(before == after for before, after in pairs) == same


def test_other_tools_measure_and_quantize_anew() -> None:
    asked = load_manifest(None, {"base": "acme/tiny", "publish": {"org": "me"}})
    before, after = cache_keys(asked, TOOLS), cache_keys(asked, {**TOOLS, "mlx": "3"})
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False]


def test_more_jobs_than_github_runs_are_refused(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "MOST_JOBS", 1)
    with pytest.raises(MatrixTooLarge, match="2 manifests"):
        jobs(releases)
