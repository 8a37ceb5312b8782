"""``hubtool card`` and ``inspect`` in this process: where they write, and what they say of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hubtool.cli.app import app
from hubtool.errors import HubtoolError
from tests.support.sound_quant import write, write_sound_quant
from tests.support.toy_weights import safetensors_bytes


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    folder = tmp_path / "quant"
    write_sound_quant(folder)
    (folder / "assets").mkdir(exist_ok=True)
    return folder


def hubtool(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_json_tells_path_files_and_the_difference(quant: Path) -> None:
    write("README.md", (quant / "README.md").read_text() + "\nMine.\n")(quant)
    (quant / "optiq/release.json").write_text(
        (quant / "optiq/release.json").read_text().replace('"plain"', '"optiq"')
    )
    would = json.loads(hubtool("card", quant, "--diff", "--json").stdout)
    assert (would["written"], would["path"]) == (False, None)
    assert "README.md" in would["changed"]
    assert would["diff"].startswith("--- README.md now\n+++ README.md new\n")
    done = json.loads(hubtool("card", quant, "--json").stdout)
    assert (done["written"], done["path"]) == (True, str(quant / "README.md"))
    assert done["changed"] == would["changed"]
    again = json.loads(hubtool("card", quant, "--json").stdout)
    assert (again["changed"], again["diff"]) == ([], "")


def test_out_says_which_files_go_with_the_text(quant: Path, tmp_path: Path) -> None:
    done = hubtool("card", quant, "--template", "optiq", "--out", tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text().startswith("---\n")
    assert "not written are " in done.stderr
    assert "optiq/release.json" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--diff", "--out", "card.md"], "--diff writes nothing"),
        (["--out", "nodir/x/card.md"], "--out nodir/x/card.md: no folder at nodir/x"),
    ],
)
def test_where_nothing_can_be_written_is_refused(
    quant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = hubtool("card", quant, *arguments)
    assert told in f"{done.exception} {done.output}"
    assert [path.name for path in tmp_path.iterdir()] == ["quant"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["card", "quant/config.json"], "quant/config.json is a file, not a folder"),
        (["check", "quant/config.json"], "quant/config.json is a file, not a folder"),
        (["inspect", "quant/config.json"], "quant/config.json is a file, not a folder"),
        (["card", "preview", "quant/config.json"], "quant/config.json is a file, not a folder"),
        (["card", "quant", "--template", "own"], "--template own: a folder, not a template"),
        (["template", "check", "own/blocks/usage.md.j2"], "own/blocks/usage.md.j2 is a block"),
    ],
)
def test_a_path_of_the_wrong_kind_is_called_what_it_is(
    quant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hubtool("template", "init", "own").exit_code == 0
    error = hubtool(*arguments).exception
    assert isinstance(error, HubtoolError)
    assert error.message.startswith(told)
    assert error.remedy.startswith("name ")


@pytest.mark.parametrize("flags", [["--diff"], []])
def test_a_readme_that_is_a_folder_is_named(quant: Path, flags: list[str]) -> None:
    (quant / "README.md").unlink()
    (quant / "README.md").mkdir()
    error = hubtool("card", quant, *flags).exception
    assert isinstance(error, IsADirectoryError)
    assert error.filename == str(quant / "README.md")


def test_inspect_says_that_a_base_is_not_quantized(tmp_path: Path) -> None:
    write("model.safetensors", safetensors_bytes({"model.norm.weight": ("BF16", (64,))}))(tmp_path)
    write("config.json", "{}")(tmp_path)
    done = hubtool("inspect", tmp_path, "--map", tmp_path / "map.png")
    assert done.exit_code == 0
    assert "not quantized" in done.stdout
    assert "nominal" not in done.stdout
    assert "map.png is not written" in done.stderr
    assert not (tmp_path / "map.png").exists()


def test_inspect_makes_no_folder_for_its_map(quant: Path, tmp_path: Path) -> None:
    done = hubtool("inspect", quant, "--map", tmp_path / "no" / "map.png")
    assert "no folder at" in str(done.exception)
    assert not (tmp_path / "no").exists()
