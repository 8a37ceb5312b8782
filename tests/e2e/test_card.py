"""``hubtool card`` as a maintainer uses it: before the weights, with scores, over edits by hand."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from hubtool.localhub.server import RunningHub
from tests.support.release import BASE, environment, hubtool

BASELINE = "acme/tiny-llama-4bit"


def scores(benchmark: str, correct: int) -> dict[str, object]:
    score = {"benchmark": benchmark, "display_name": benchmark.upper(), "metric": "accuracy"}
    return {
        "format": "hubtool-scores",
        "version": 1,
        "candidate": [{**score, "correct": correct, "n": 1000}],
        "baseline": [{**score, "correct": correct - 200, "n": 1000}],
        "baseline_repo": BASELINE,
    }


@pytest.fixture
def quant(plain_quant: Path, tiny_hub: RunningHub, tmp_path: Path) -> Path:
    """A quant that another tool made, and the same one published as a baseline."""
    (plain_quant / "README.md").unlink(missing_ok=True)
    published = tmp_path / "published"
    shutil.copytree(plain_quant, published)
    (published / "README.md").write_text(f"---\nlicense: apache-2.0\nbase_model: {BASE}\n---\n")
    tiny_hub.store.seed_repo(BASELINE, published)
    return plain_quant


def test_a_card_before_its_weights_and_with_them(
    quant: Path, tiny_hub: RunningHub, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", token=tiny_hub.token)

    def card(folder: Path, *flags: str) -> str:
        wanted = ("--base", BASE, "--repo", "me/quant", "--hub", tiny_hub.url, *flags)
        done = hubtool("card", str(folder), *wanted, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        return (folder / "README.md").read_text()

    empty = tmp_path / "empty"
    empty.mkdir()
    early = card(empty)
    assert "are not here yet" in early
    assert "Quantization details" not in early

    shutil.copy(empty / "README.md", quant / "README.md")
    for number, name in enumerate(("mmlu", "gsm8k")):
        (tmp_path / f"{name}.json").write_text(json.dumps(scores(name, 700 + number)))
    flags = [part for name in ("mmlu", "gsm8k") for part in ("--scores", f"{name}.json")]
    full = card(quant, *flags)
    assert "are not here yet" not in full
    assert "It beats acme/tiny-llama-4bit by 20.00 points on the mean of two benchmarks" in full
    assert re.search(r" is a mixed [3-8, and]+-bit quant of the same base: ", full)
    assert "This quant is" not in full  # equal bytes: nothing to say about size
    assert "(from mmlu.json, gsm8k.json)" in full
    for chart in ("widths", "scores"):
        file = quant / f"assets/{chart}.png"
        assert file.stat().st_size < 150_000
        assert Image.open(file).size[0] == 1600
        assert f"](assets/{chart}.png)" in full

    checked = hubtool("check", str(quant), "--json", cwd=tmp_path, env=env)
    findings = json.loads(checked.stdout)["findings"]
    assert [one["message"] for one in findings if one["result"] == "fail"] == []

    edited = re.sub(r"^A (\d-bit mixed)", r"Our own \1", full, count=1, flags=re.MULTILINE)
    assert edited != full
    (quant / "README.md").write_text(edited)
    assert card(quant) == edited
    assert card(quant, "--overwrite-edited") == full
