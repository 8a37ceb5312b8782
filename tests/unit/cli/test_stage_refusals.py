"""What the commands of single stages refuse, and what they say of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import get_args

import pytest

from hubtool.cli.measure import WAYS
from hubtool.holding import hold_output
from hubtool.quantize.sensitivity import Method
from tests.support.commands import run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("measure", "nowhere"), "config.json"),
        (("measure", "base", "--candidate-bits", "4,7"), "--candidate-bits: widths must be taken"),
        (("measure", "base", "--group-sizes", "32,65"), "--group-sizes: Input should be 32, 64 or"),
        (("quantize", "base", "new", "--target-bpw", "-1"), "correct --target-bpw; `hubtool quant"),
        (
            ("measure", "base", "--method", "foo"),
            "'foo' is no way of measuring\nfix: name fisher or",
        ),
        (("measure", "base", "--method", "static"), "or exact; `hubtool quantize --method static`"),
        (
            ("measure", "base", "--calibration", "nope"),
            "nope is no folder\nfix: name a folder with",
        ),
        (("quantize", "base", "quant"), "exists already"),
        (("quantize", "base", "new", "--sensitivity", "none.json"), "run `hubtool measure` first"),
        (
            ("quantize", "base", "new", "--sensitivity", "sensitivity.json", "--target-bpw", "2.5"),
            "budget",
        ),
        (("quantize", "base", "new", "--stored-bpw", "3"), "raise --stored-bpw to"),
        (("quantize", "base", "new", "--fit", "16"), "a number and a unit"),
        (
            ("quantize", "base", "new", "--stored-bpw", "5", "--max-size", "1GB"),
            "--stored-bpw and --max-size: only one budget",
        ),
        (("quantize", "base"), "--out DIR"),
        (("measure", "base", "--tokens", "3"), "'--tokens': Input should be greater than or equal"),
        (("measure", "base", "--out", "none/s.json"), "--out none/s.json: no folder at none"),
        (("measure", "base", "--out", "quant"), "--out quant is a folder"),
        (("quantize", "base", "sensitivity.json/q"), "sensitivity.json is a file"),
        (
            ("measure", "base", "--verify", "quant", "--seed", "1", "--candidate-bits", "4,8"),
            "--candidate-bits and --seed beside --verify",
        ),
        (
            ("verify", "quant", "--base-folder", "base", "--tokens", "10"),
            "'--tokens': Input should be greater than or equal",
        ),
        (
            ("quantize", "base", "new", "--sensitivity", "sensitivity.json", "--method", "fisher"),
            "--method beside --sensitivity: nothing is measured then",
        ),
        (
            ("release", "a/b", "--org", "me", "--sensitivity", "s.json", "--reference", "auto"),
            "--reference beside --sensitivity: nothing is measured then",
        ),
        (("split", "base", "nowhere"), "nowhere has no config.json"),
        (("inspect", "nowhere"), "no folder at nowhere"),
        (("check", "nowhere"), "no folder at nowhere"),
        (("card", "nowhere"), "no folder at nowhere"),
        (("card", "quant"), "--base and --repo"),
    ],
)
def test_bad_input_is_named_with_a_remedy(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run(*arguments, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "fix: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("spoil", "words", "fix"),
    [
        ("weights", "other has no weights: no model*.safetensors", "name the folder of a whole"),
        ("model_type", "other: config.json: model_type 'llamba9' is not known", "another base"),
    ],
)
@pytest.mark.parametrize("command", [("measure",), ("quantize", "--out", "new")])
def test_what_a_folder_lacks_is_told_before_who_computes(
    folder: Path, tmp_path: Path, command: tuple[str, ...], spoil: str, words: str, fix: str
) -> None:
    other = shutil.copytree(folder / "base", tmp_path / "other")
    if spoil == "weights":
        (other / "model.safetensors").unlink()
    else:
        config = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps({**config, "model_type": "llamba9"}))
    done = run(command[0], "other", *command[1:], cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert fix in done.stderr


@pytest.mark.parametrize(
    ("output", "arguments"),
    [
        ("busy.json", ("measure", "base", "--out", "busy.json")),
        ("busy", ("quantize", "base", "busy", "--method", "static")),
        ("quant", ("split", "base", "quant")),
        ("quant", ("verify", "quant", "--base-folder", "base", "--tokens", "96")),
        ("quant", ("measure", "base", "--verify", "quant", "--tokens", "96")),
    ],
)
def test_two_runs_with_one_output_the_second_says_who_holds_it(
    folder: Path, output: str, arguments: tuple[str, ...]
) -> None:
    before = sorted(folder.iterdir())
    with hold_output(folder / output):
        refused = run(*arguments, cwd=folder)
    assert refused.returncode == 2, refused.stderr
    assert f"{output} is in use by hubtool process {os.getpid()}, started " in refused.stderr
    assert "HT0102" in refused.stderr
    assert sorted(folder.iterdir()) == before


def test_a_local_hub_runs_the_command_anew_and_does_not_hold_it_up(
    folder: Path, tmp_path: Path
) -> None:
    asked = ("quantize", str(folder / "base"), "new", "--sensitivity", "acme/none")
    done = run(*asked, "--hub", f"local:{tmp_path / 'hub'}", cwd=tmp_path)
    assert "acme/none" in done.stderr
    assert "in use" not in done.stderr
    assert done.returncode == 2


def test_one_choice_is_one(folder: Path, tmp_path: Path) -> None:
    asked = ("--candidate-bits", "4", "--group-sizes", "64", "--tokens", "96")
    done = run("measure", str(folder / "base"), *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "sensitivity.json: 16 components at 1 choice\n"


def test_measure_offers_the_ways_that_it_has() -> None:
    assert get_args(Method) == WAYS


def test_check_lists_its_checks_and_knows_no_others(tmp_path: Path) -> None:
    listed = run("check", "--list", "--json", cwd=tmp_path)
    assert json.loads(listed.stdout)["hub/parameters"].startswith("the Hub will count")
    wrong = run("check", ".", "--only", "layuot", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "'layuot' is no check" in wrong.stderr
    nothing = run("check", cwd=tmp_path)
    assert nothing.returncode == 2
    assert "ORG/NAME" in nothing.stderr
