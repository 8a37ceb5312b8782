"""What a tag releases is read from its tree, byte for byte, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.errors import ManifestInvalid, NoManifestForTag
from hubtool.release.git_source import public_address, repository_of
from hubtool.release.git_tag import open_repo
from hubtool.release.git_tree import export_tree
from hubtool.release.tagged import tagged_manifests
from tests.support.git_repo import Releases, manifest


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path / "quants")


def read(releases: Releases, tag: str, work: Path, **options: object) -> list:
    with (
        open_repo(releases.folder) as repo,
        tagged_manifests(repo, tag, work, **{"only": None, "flags": {}, **options}) as found,  # type: ignore[arg-type]
    ):
        return [(one, [Path(file).read_text() for file in one.manifest.scores]) for one in found]


def test_manifest_scores_and_template_are_those_of_the_tag(
    releases: Releases, tmp_path: Path
) -> None:
    text = manifest(scores="../scores/a.json", card="{template: ../templates/t.md.j2}")
    files = {"releases/a.yaml": text, "scores/a.json": "[1]", "templates/t.md.j2": "one"}
    commit = releases.commit_files(files)
    releases.tag("a/v1")
    releases.commit_files({"scores/a.json": "[2]", "releases/a.yaml": manifest("acme/else")})
    ((one, scores),) = read(releases, "a/v1", tmp_path / "work")
    assert (one.manifest.base, scores) == ("acme/tiny", ["[1]"])
    assert Path(one.manifest.card.template).read_text() == "one"
    assert (one.git.commit, one.git.tag, one.git.tagger) == (commit, "a/v1", "Ada")
    assert (one.git.manifest, one.git.by_tag) == ("releases/a.yaml", True)


def test_the_copies_lie_at_the_same_place_for_every_tag(releases: Releases, tmp_path: Path) -> None:
    places = set()
    for name in ("a/v1", "a/v2"):
        files = {"releases/a.yaml": manifest(scores="s.json"), f"only-{name[-1]}": ""}
        releases.commit_files({**files, "releases/s.json": name})
        if name == "a/v2":
            with releases.repo as repo:
                repo.index.remove(["only-1"], working_tree=True)
                repo.index.commit("less")
        releases.tag(name)
        ((one, scores),) = read(releases, name, tmp_path / "work")
        places |= set(one.manifest.scores)
        assert scores == [name]
    assert len(places) == 1
    tree = one.file.parents[1]
    assert sorted(file.name for file in tree.iterdir()) == ["only-2", "releases"]


def test_flags_are_laid_over_and_recorded(releases: Releases, tmp_path: Path) -> None:
    releases.commit_files({"releases/a.yaml": manifest()})
    releases.tag("a/v1")
    flags = {"base": None, "publish": {"org": "us"}, "quantize": {"target_bpw": 4.5}}
    ((one, _),) = read(releases, "a/v1", tmp_path / "work", flags=flags)
    assert (one.manifest.publish.org, one.manifest.quantize.target_bpw) == ("us", 4.5)
    assert one.git.overrides == (("publish.org", "us"), ("quantize.target_bpw", "4.5"))


def test_one_manifest_of_a_tag_of_many_can_be_chosen(releases: Releases, tmp_path: Path) -> None:
    releases.commit_files({"releases/a.yaml": manifest(), "releases/b.yaml": manifest()})
    releases.tag("v1")
    chosen = read(releases, "v1", tmp_path / "work", only="releases/b.yaml")
    assert [one.path for one, _ in chosen] == ["releases/b.yaml"]
    with pytest.raises(NoManifestForTag, match=r"no releases/c\.yaml"):
        read(releases, "v1", tmp_path / "work", only="releases/c.yaml")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"scores": "../../outside.json"}, "scores"),
        ({"scores": "missing.json"}, "scores"),
        ({"notice": "/etc/hostname"}, "notice"),
        ({"card": "{template: working.md.j2}"}, "card.template"),
        ({"card": "{brand: ../../brand.yaml, template: plain}"}, "card.brand"),
        ({"quantize": "{calibration: mix}"}, "quantize.calibration"),
        ({"quantize": "{sensitivity: ../../outside.json}"}, "quantize.sensitivity"),
        ({"quantize": "{sensitivity: untracked.json}"}, "quantize.sensitivity"),
    ],
)
def test_a_file_outside_of_the_tag_is_refused(
    releases: Releases,
    tmp_path: Path,
    fields: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "outside.json").write_text("{}")
    brand = 'name: B\nmethod_name: m\nnaming: "{base}-b"\n'
    (tmp_path / "brand.yaml").write_text(brand)
    releases.commit_files({"releases/a.yaml": manifest(**fields)})
    releases.tag("a/v1")
    (releases.folder / "working.md.j2").write_text("not committed")
    (releases.folder / "mix").mkdir()
    (releases.folder / "untracked.json").write_text("{}")
    monkeypatch.chdir(releases.folder)
    with pytest.raises(ManifestInvalid) as caught:
        read(releases, "a/v1", Path(".hubtool"))
    assert caught.value.details["field"] == named


def test_sensitivities_may_come_from_a_repo(releases: Releases, tmp_path: Path) -> None:
    fields = {"quantize": "{sensitivity: org/quant@main}"}
    releases.commit_files({"releases/a.yaml": manifest(**fields)})
    releases.tag("a/v1")
    ((one, _),) = read(releases, "a/v1", tmp_path / "work")
    assert one.manifest.quantize.sensitivity == "org/quant@main"


def test_two_manifests_for_one_repo_are_refused(releases: Releases, tmp_path: Path) -> None:
    releases.commit_files({"releases/a.yaml": manifest(), "releases/b.yaml": manifest()})
    releases.tag("v1")
    with pytest.raises(ManifestInvalid, match=r"b\.yaml and releases/a\.yaml both release"):
        read(releases, "v1", tmp_path / "work")


def test_no_attribute_of_the_repository_changes_a_byte(releases: Releases, tmp_path: Path) -> None:
    attributes = "*.md text eol=crlf\nhidden.txt export-ignore\nid.txt ident export-subst\n"
    files = {
        ".gitattributes": attributes,
        "a.md": "one\ntwo\n",
        "hidden.txt": "here\n",
        "id.txt": "$Id$ $Format:%H$\n",
        "ö ü/x\ty.txt": "odd name\n",
    }
    commit = releases.commit_files(files)
    (releases.folder / "link").symlink_to("/etc/hostname")
    with releases.repo as repo:
        repo.index.add(["link"])
        commit = repo.index.commit("a link").hexsha
        export_tree(repo, commit, tmp_path / "out")
    found = {
        file.relative_to(tmp_path / "out").as_posix(): file.read_text()
        for file in (tmp_path / "out").rglob("*")
        if file.is_file()
    }
    assert found == files


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b"),
        ("https://user:ghp_secret@github.com/a/b", "https://github.com/a/b"),
        ("git@github.com:a/b.git", "https://github.com/a/b"),
        ("ssh://git@git.example:2222/a/b.git", "https://git.example/a/b"),
        ("/srv/git/b.git", None),
        ("file:///srv/git/b.git", None),
        ("../b.git", None),
        ("", None),
    ],
)
def test_a_remote_is_told_without_credentials_and_never_as_a_path(
    remote: str, address: str | None
) -> None:
    assert public_address(remote) == address


def test_in_a_workflow_the_repository_is_the_one_that_github_names(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/quants")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example")
    with releases.repo as repo:
        repo.create_remote("origin", "git@github.com:a/b.git")
        assert repository_of(repo) == "https://github.com/a/b"
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        assert repository_of(repo) == "https://git.example/acme/quants"
