"""What ``hubtool init`` lays down is whole: manifest, scores and workflows can be used as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from git import Repo

from hubtool import __version__
from hubtool.errors import ManifestInvalid
from hubtool.quantize.checkpoint import state_file
from hubtool.release.git_tag import is_manifest
from hubtool.release.manifest import load_manifest
from hubtool.release.new_repo import FILES, new_repository
from hubtool.scores.readers.interface import read_scores

OWN_ACTION = Path(__file__).parents[3] / ".github/actions/release/action.yml"


def test_a_new_repository_holds_files_that_can_be_used(tmp_path: Path) -> None:
    files = new_repository(tmp_path / "quants", "acme")
    assert [(one.path, one.written) for one in files] == [(path, True) for path in FILES.values()]
    folder = tmp_path / "quants"
    (manifest,) = [path for path in FILES.values() if is_manifest(path)]
    assert load_manifest(folder / manifest, {}).target_repo == (
        "acme/SmolLM2-135M-Instruct-OptiQ-4bit"
    )
    assert (
        len(
            read_scores(
                folder / manifest.replace("releases", "scores").replace("yaml", "json")
            ).candidate
        )
        == 1
    )
    with Repo(folder) as repo:
        assert repo.active_branch.name == "main"
        assert not repo.head.is_valid()  # no commit
        assert ".hubtool/x" in repo.git.check_ignore(".hubtool/x")
        state = state_file(folder / "sensitivity.json").name
        unfinished = [state, "quant.partial/config.json", "plan.json.partial"]
        assert repo.git.check_ignore(*unfinished).splitlines() == unfinished
    left = [path for path in FILES.values() if "@" in _without_actions((folder / path).read_text())]
    assert left == []


def test_the_action_is_that_of_this_repository_with_its_version(tmp_path: Path) -> None:
    new_repository(tmp_path, "acme")
    made = yaml.safe_load((tmp_path / ".github/actions/release/action.yml").read_text())
    own = yaml.safe_load(OWN_ACTION.read_text())
    assert made["inputs"].pop("hubtool-version")["default"] == __version__
    assert own["inputs"].pop("hubtool-version")["default"] == ""
    assert made == own


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with Repo.init(tmp_path) as repo:
        before = repo.git_dir
    files = new_repository(tmp_path, "acme")
    assert [one.path for one in files if not one.written] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"
    with Repo(tmp_path) as repo:
        assert repo.git_dir == before
    assert not any(one.written for one in new_repository(tmp_path, "other"))


def test_a_folder_inside_another_repository_is_refused(tmp_path: Path) -> None:
    Repo.init(tmp_path / "outer").close()
    with pytest.raises(ManifestInvalid, match="lies inside the git repository"):
        new_repository(tmp_path / "outer/quants", "org")
    assert not list((tmp_path / "outer/quants").iterdir())


def test_an_organisation_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid):
        new_repository(tmp_path, 'a"b')


def _without_actions(text: str) -> str:
    """The text without ``uses: owner/action@sha``, shell arrays and the example of an address."""
    return "\n".join(
        line for line in text.splitlines() if "uses:" not in line and "[@]" not in line
    )
