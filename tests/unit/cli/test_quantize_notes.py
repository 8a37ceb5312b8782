"""``hubtool quantize`` and ``measure``: what they say beside their result, and what they leave."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.tiny_models import save_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``base`` and sensitivities at 4 and 8 bit, rounded to nearest."""
    root = tmp_path_factory.mktemp("notes")
    save_tiny_model(root / "base", "llama")
    asked = ("--candidate-bits", "4,8", "--group-sizes", "64", "--rounding", "nearest")
    done = run("measure", "base", "--tokens", "96", *asked, "--out", "narrow.json", cwd=root)
    assert done.returncode == 0, done.stderr
    return root


def test_what_the_file_could_not_give_is_told_to_people_and_under_json(folder: Path) -> None:
    asked = (
        *("quantize", "base", "--sensitivity", "narrow.json", "--stored-bpw", "10"),
        *("--candidate-bits", "3,4,8", "--calibration-tokens", "96"),
    )
    expected = [
        "the sensitivities have nothing at 3 bit",
        "of the budget stays unspent: every component has the widest width there is, 8 bit",
        "the sensitivities are of rounding by nearest; weights are rounded by search",
    ]
    plain = run(*asked, "--out", "plain", cwd=folder)
    assert plain.returncode == 0, plain.stderr
    record = run(*asked, "--out", "record", "--json", cwd=folder)
    notes = json.loads(record.stdout)["notes"]
    assert len(notes) == len(expected)
    for words, note in zip(expected, notes, strict=True):
        assert words in note
        assert f"  {note}\n" in plain.stderr


def test_a_context_beyond_the_models_own_is_told(folder: Path) -> None:
    asked = ("quantize", "base", "--method", "static", "--fit", "1GB", "--rounding", "nearest")
    done = run(*asked, "--context", "100000", "--out", "long", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "made for 512 tokens (max_position_embeddings), the cache is for 100000" in done.stderr
    within = run(*asked, "--context", "512", "--out", "short", cwd=folder)
    assert "max_position_embeddings" not in within.stderr


def test_two_measurements_in_one_folder_keep_to_their_own_state(folder: Path) -> None:
    """The state of one that was killed stays, and neither ends with the other's figures."""
    (folder / "killed.partial.json").write_text("{}")
    before = (folder / "narrow.json").read_text()
    asked = ("measure", "base", "--tokens", "96", "--candidate-bits", "4", "--rounding", "nearest")
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "hubtool", *asked, "--seed", seed, "--out", f"seed{seed}.json"],
            cwd=folder,
            stderr=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    for one in both:
        one.communicate(timeout=120)
    assert [one.returncode for one in both] == [0, 0]
    kl = [json.loads((folder / f"seed{seed}.json").read_text())["components"] for seed in (1, 2)]
    assert kl[0] != kl[1]
    assert [path.name for path in folder.glob("*.partial.json")] == ["killed.partial.json"]
    assert (folder / "narrow.json").read_text() == before
