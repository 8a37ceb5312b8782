"""Tags: what they name, which manifests they release, and why they cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from git import Repo

from hubtool.errors import (
    CloneIncomplete,
    GitUnusable,
    NoManifestForTag,
    TagMoved,
    TagNotFound,
    TreeDirty,
)
from hubtool.release.git_tag import (
    Tag,
    changed_manifests,
    is_ancestor,
    manifests_of_tag,
    open_repo,
    previous_tag,
    read_tag,
    require_clean,
)
from tests.support.git_repo import Releases, manifest


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    """Two manifests, one of them with scores."""
    made = Releases(tmp_path / "quants")
    made.commit_files(
        {
            "releases/a.yaml": manifest(scores="../scores/a.json"),
            "releases/b.yaml": manifest(),
            "releases/b.lock.yaml": "base: acme/tiny\n",
            "scores/a.json": "{}",
            "templates/t.md.j2": "one",
        }
    )
    return made


def released(releases: Releases, name: str) -> tuple[str, ...]:
    with open_repo(releases.folder) as repo:
        return manifests_of_tag(repo, read_tag(repo, name))


def test_an_annotated_tag_names_commit_and_tagger(releases: Releases) -> None:
    releases.tag("a/v1")
    releases.tag("a/v2", lightweight=True)
    with releases.repo as repo:
        head = repo.head.commit.hexsha
        assert read_tag(repo, "a/v1") == Tag("a/v1", head, "Ada", None)
        assert read_tag(repo, "a/v2") == Tag("a/v2", head, None, None)


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ("-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----", "openpgp"),
        ("-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----", "ssh"),
        ("-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----", "x509"),
        ("it says -----BEGIN SSH SIGNATURE----- in a line", None),
        ("-----BEGIN SSH SIGNATURE-----\nis how they start", None),
    ],
)
def test_a_signed_tag_is_told_by_its_signature(
    releases: Releases, block: str, kind: str | None
) -> None:
    releases.signed_tag("a/v1", block)
    with releases.repo as repo:
        assert read_tag(repo, "a/v1").signature == kind


def test_a_tag_releases_the_manifest_of_its_name(releases: Releases) -> None:
    releases.commit_files({"releases/deep/c.yaml": manifest()})
    for name in ("a/v1", "deep/c/2026.11"):
        releases.tag(name)
    assert released(releases, "a/v1") == ("releases/a.yaml",)
    assert released(releases, "deep/c/2026.11") == ("releases/deep/c.yaml",)


def test_a_tag_without_a_manifest_says_which_there_are(releases: Releases) -> None:
    releases.tag("c/v1")
    with pytest.raises(NoManifestForTag, match=r"no releases/c.yaml; it has .*a.yaml, .*b.yaml"):
        released(releases, "c/v1")


def test_a_tag_of_many_releases_what_changed_since_the_one_of_its_kind(releases: Releases) -> None:
    releases.tag("v2026.10")
    assert released(releases, "v2026.10") == ("releases/a.yaml", "releases/b.yaml")
    releases.tag("b/v7")  # of another kind
    releases.tag("2026", lightweight=True)
    releases.commit_files({"scores/a.json": "[]", "templates/t.md.j2": "two"})
    releases.tag("v2026.11")
    assert released(releases, "v2026.11") == ("releases/a.yaml",)
    releases.commit_files({"releases/b.lock.yaml": "base: acme/other\n"})
    releases.tag("v2026.12", lightweight=True)
    assert released(releases, "v2026.12") == ("releases/b.yaml",)
    releases.tag("v2026.13")
    assert released(releases, "v2026.13") == ()
    with releases.repo as repo:
        assert previous_tag(repo, read_tag(repo, "v2026.12")) == "v2026.11"
        assert changed_manifests(repo, "v2026.10", "main") == (
            "releases/a.yaml",
            "releases/b.yaml",
        )


def test_a_tag_that_is_not_there_says_how_to_get_it(releases: Releases) -> None:
    with releases.repo as repo, pytest.raises(TagNotFound) as caught:
        read_tag(repo, "a/v1")
    assert "fetch-depth: 0" in caught.value.remedy
    with releases.repo as repo, pytest.raises(TagNotFound, match="'v9' to compare"):
        changed_manifests(repo, "v9", "main")


def test_a_shallow_clone_reads_its_tag_and_cannot_tell_the_one_before(
    releases: Releases, tmp_path: Path
) -> None:
    releases.tag("v1")
    releases.commit_files({"releases/a.yaml": manifest("acme/more")})
    releases.tag("v2")
    releases.tag("a/v2")
    shallow = tmp_path / "shallow"
    Repo.clone_from(f"file://{releases.folder}", shallow, depth=1).close()
    with Repo(shallow) as repo:
        assert manifests_of_tag(repo, read_tag(repo, "a/v2")) == ("releases/a.yaml",)
        with pytest.raises(CloneIncomplete) as caught:
            manifests_of_tag(repo, read_tag(repo, "v2"))
    assert "fetch-depth: 0" in caught.value.remedy


def test_a_clone_without_the_tags_tree_says_so(releases: Releases) -> None:
    releases.tag("v1", lightweight=True)
    with releases.repo as repo:
        tree = repo.head.commit.tree.hexsha
    (releases.folder / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with releases.repo as repo, pytest.raises(CloneIncomplete) as caught:
        read_tag(repo, "v1")
    assert "fetch-depth: 0" in caught.value.remedy


def test_a_tag_that_moved_since_it_was_pushed_is_refused(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.tag("a/v1")
    monkeypatch.setenv("GITHUB_REF", "refs/tags/a/v1")
    with releases.repo as repo:
        monkeypatch.setenv("GITHUB_SHA", repo.head.commit.hexsha)
        assert read_tag(repo, "a/v1").commit == repo.head.commit.hexsha
        monkeypatch.setenv("GITHUB_SHA", "f" * 40)
        with pytest.raises(TagMoved, match="pushed at ffffffffffff"):
            read_tag(repo, "a/v1")
        monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
        assert read_tag(repo, "a/v1").name == "a/v1"


def test_changes_that_are_not_committed_are_named(releases: Releases) -> None:
    (releases.folder / "note.txt").write_text("untracked")
    with releases.repo as repo:
        require_clean(repo)
    (releases.folder / "scores/a.json").write_text("[1]")
    with releases.repo as repo, pytest.raises(TreeDirty, match=r"scores/a\.json") as caught:
        require_clean(repo)
    assert "git stash" in caught.value.remedy


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(GitUnusable, match="in no git repository"):
        open_repo(tmp_path)


def test_which_commit_came_first(releases: Releases) -> None:
    with releases.repo as repo:
        first = repo.head.commit.hexsha
        second = releases.commit_files({"x": "y"})
        assert is_ancestor(repo, first, second)
        assert not is_ancestor(repo, second, first)
        assert not is_ancestor(repo, first, "f" * 40)


def test_what_a_manifest_names_counts_whatever_it_is(releases: Releases) -> None:
    text = manifest(quantize="{sensitivity: s.json, calibration: mix}")
    releases.commit_files(
        {"releases/c.yaml": text, "releases/s.json": "1", "releases/mix/a.jsonl": ""}
    )
    releases.tag("v1")
    for changed in ("releases/s.json", "releases/mix/a.jsonl"):
        before = releases.commit_files({"unrelated": changed})
        after = releases.commit_files({changed: "2"})
        with releases.repo as repo:
            assert changed_manifests(repo, before, after) == ("releases/c.yaml",)


def test_a_name_to_compare_with_is_no_option_of_git(releases: Releases, tmp_path: Path) -> None:
    with releases.repo as repo, pytest.raises(TagNotFound):
        changed_manifests(repo, f"--output={tmp_path / 'pwn'}", "main")
    assert not (tmp_path / "pwn").exists()
