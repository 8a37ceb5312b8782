"""``hubtool hub`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hubtool.cli.hub import app
from hubtool.errors import ManifestInvalid, PathNotFound
from hubtool.localhub.store import Store

runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


def test_add_puts_a_folder_into_the_hub(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "hub"
    done = runner.invoke(
        app, ["add", "org/m", str(folder), "--root", str(root), "--private", "--json"]
    )
    with Store(root) as store:
        assert json.loads(done.stdout) == {"repo": "org/m", "commit": store.head("org/m")}
        assert list(store.tree("org/m")) == [".gitattributes", "config.json"]
        assert store.repos.get("org/m").private


def test_add_names_a_folder_that_is_not_there(tmp_path: Path) -> None:
    arguments = ["add", "org/m", str(tmp_path / "none"), "--root", str(tmp_path / "hub")]
    assert isinstance(runner.invoke(app, arguments).exception, PathNotFound)


@pytest.mark.parametrize(
    "option",
    [
        ["--fault", "commit"],
        ["--fault", "comit:status=500"],
        ["--org", "lab"],
        ["--org", "lab:owner"],
        ["--org", ":admin"],
    ],
)
def test_serve_refuses_what_it_cannot_read(tmp_path: Path, option: list[str]) -> None:
    done = runner.invoke(app, ["serve", "--root", str(tmp_path), *option])
    assert isinstance(done.exception, ManifestInvalid)


def test_serve_refuses_a_port_that_does_not_exist(tmp_path: Path) -> None:
    done = runner.invoke(app, ["serve", "--root", str(tmp_path), "--port", "99999"])
    assert (done.exit_code, "65535" in done.output) == (2, True)


@pytest.mark.parametrize("repo", ["nonsense", "a/b/c", "org/b c"])
def test_add_says_how_a_repo_is_named(tmp_path: Path, folder: Path, repo: str) -> None:
    arguments = ["add", repo, str(folder), "--root", str(tmp_path / "hub")]
    error = runner.invoke(app, arguments).exception
    assert isinstance(error, ManifestInvalid)
    assert error.remedy.startswith("name it ORG/NAME")


def test_add_names_the_gates_that_there_are(tmp_path: Path, folder: Path) -> None:
    arguments = ["add", "org/m", str(folder), "--root", str(tmp_path), "--gated", "foo"]
    done = runner.invoke(app, arguments)
    assert (done.exit_code, "--gated takes auto or manual" in done.output) == (2, True)


@pytest.mark.parametrize("command", ["serve", "add"])
def test_help_shows_an_example(command: str) -> None:
    assert f"hubtool hub {command} " in runner.invoke(app, [command, "--help"]).stdout
