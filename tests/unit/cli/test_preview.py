"""``card preview`` as a process: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.sound_quant import write, write_sound_quant

# the command alone, behind the real error border, wherever the command table puts it
COMMAND = (
    "from hubtool.cli import app\n"
    "app.COMMANDS['preview'] = ('hubtool.cli.preview', 'preview', '')\n"
    "app.main()\n"
)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "preview", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer_of(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_address_is_printed_and_ctrl_c_ends_it_with_0(tmp_path: Path, end: int) -> None:
    write_sound_quant(tmp_path / "quant")
    with start(str(tmp_path / "quant"), "--template", "plain", "--brand", "plain") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert "Quantization details" in answer_of(url)
        process.send_signal(end)
        rest, told = process.communicate(timeout=10)
    assert (process.returncode, rest) == (0, "")
    assert told.splitlines()[-1].endswith("nothing is written; Ctrl-C ends it")


def test_json_gives_address_and_origin(tmp_path: Path) -> None:
    write("README.md", "# Bare\n")(tmp_path)
    with start(str(tmp_path), "--json", "--scores", __file__) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["origin"] == f"README.md as it stands in {tmp_path}"
        assert "Bare</h1>" in answer_of(told["url"])
        process.send_signal(signal.SIGINT)
        _, warned = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "template, brand and scores are not used" in warned


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{missing}"], "error: no folder at"),
        (["{quant}", "--template", "absent"], "error: no card template 'absent'"),
        (["{quant}", "--brand", "absent"], "error: no brand 'absent'"),
        (["{quant}", "--scores", "absent.json"], "error: no score file at absent.json"),
        (["{quant}", "--revision", "main"], "--revision goes with a repo"),
        (["acme/quant", "--as-is"], "a repo is shown as it stands"),
    ],
)
def test_what_cannot_be_shown_exits_2_before_anything_is_served(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    write_sound_quant(tmp_path / "quant")
    places = {"missing": str(tmp_path / "missing"), "quant": str(tmp_path / "quant")}
    with start(*(argument.format(**places) for argument in arguments)) as process:
        out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert told in error
