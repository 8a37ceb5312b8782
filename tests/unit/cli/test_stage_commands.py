"""The commands of single stages, chained on folders as a person would."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import get_args

import mlx.core as mx
import pytest

from hubtool.artifact.identity import weights_sha256
from hubtool.artifact.stats import stats_of_folder
from hubtool.card.width_chart import WHOLE_MAP, draw_widths
from hubtool.cli.measure import WAYS
from hubtool.holding import hold_output
from hubtool.quantize.calibration import load_mix
from hubtool.quantize.choice import DEFAULT_CHOICES
from hubtool.quantize.optiq_files import read_making, read_verification
from hubtool.quantize.sensitivity import Method
from hubtool.quantize.verification import BaseUse
from tests.support.commands import run
from tests.support.tiny_models import save_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``base`` and, made by the commands, ``sensitivity.json`` and ``quant``."""
    root = tmp_path_factory.mktemp("stages")
    save_tiny_model(root / "base", "llama")
    measured = run("measure", "base", "--tokens", "96", cwd=root)
    assert measured.returncode == 0, measured.stderr
    assert measured.stdout == "sensitivity.json: 16 components at 15 choices\n"
    assert sorted(path.name for path in root.iterdir()) == ["base", "sensitivity.json"]
    quantized = run(
        "quantize", "base", "quant", "--sensitivity", "sensitivity.json", "--explain", cwd=root
    )
    assert quantized.returncode == 0, quantized.stderr
    assert "model.layers.0.mlp.down_proj" in quantized.stdout
    return root


def test_the_quant_is_what_the_budget_says(folder: Path) -> None:
    shown = run("inspect", "quant", "--json", cwd=folder)
    stats = json.loads(shown.stdout)
    assert shown.returncode == 0
    assert stats["nominal_bpw"] == pytest.approx(5.0, abs=0.02)
    assert 1 < len(stats["widths"]) <= len(DEFAULT_CHOICES.bits)
    assert {share["bits"] for share in stats["widths"]} <= set(DEFAULT_CHOICES.bits)
    assert json.loads((folder / "quant/optiq/metadata.json").read_text())["tool"] == "hubtool"


def test_the_map_of_a_quant_is_a_png(folder: Path) -> None:
    lost = run("inspect", "quant", "--map", "maps/quant.png", cwd=folder)
    assert (lost.returncode, (folder / "maps").exists()) == (2, False), lost.stderr
    (folder / "maps").mkdir()
    shown = run("inspect", "quant", "--map", "maps/quant.png", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    assert (folder / "maps/quant.png").read_bytes() == draw_widths(
        stats_of_folder(folder / "quant").components, WHOLE_MAP
    )
    assert "wrote maps/quant.png" in shown.stderr
    refused = run("inspect", "quant", "--map", "map.svg", cwd=folder)
    assert refused.returncode == 2
    assert "map.svg" in refused.stderr
    assert not (folder / "map.svg").exists()


def test_without_sensitivities_quantize_measures_first(folder: Path) -> None:
    done = run("quantize", "base", "deep/measured", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["nominal_bpw"] == pytest.approx(5.0, abs=0.02)
    written = read_making(folder / "deep/measured")
    assert written is not None
    assert written.measurement.calibration_sha256 == load_mix(None).sha256
    assert [path.name for path in (folder / "deep").iterdir()] == ["measured"]


def test_a_stored_budget_is_met_and_the_same_figures_serve_again(folder: Path) -> None:
    """The shortest way to a folder; then other budgets in seconds from what it published."""
    first = ("quantize", "base", "--stored-bpw", "6.5", "--out", "stored")
    choices = ("--candidate-bits", "3,4,6,8", "--group-sizes", "32", "--calibration-tokens", "96")
    done = run(*first, *choices, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "optimality gap: none, no other allocation is better" in done.stderr
    stats = stats_of_folder(folder / "stored")
    assert 0.97 * 6.5 < stats.stored_bpw <= 6.5
    metadata = json.loads((folder / "stored/optiq/metadata.json").read_text())
    assert metadata["group_sizes"] == sorted({one.group_size for one in stats.components})
    for one in stats.components:
        assert metadata["per_layer"][one.name] == {"bits": one.bits, "group_size": one.group_size}
    published = json.loads((folder / "stored/optiq/sensitivity.json").read_text())
    layer = published["layers"][0]
    assert set(layer["sensitivities"]) == {"3", "4", "6", "8"}
    assert set(layer["metadata"]["sensitivities_by_group"]) == {"3/32", "4/32", "6/32", "8/32"}
    again = run(
        *("quantize", "base", "--sensitivity", "stored", "--out", "again", "--json"),
        *("--max-size", f"{stats.weights_bytes + 2000}B", "--candidate-bits", "4,8"),
        cwd=folder,
    )
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["weights_bytes"] <= stats.weights_bytes + 2000
    assert {share["bits"] for share in json.loads(again.stdout)["widths"]} == {4, 8}
    written = read_making(folder / "again")
    assert written is not None
    assert written.budget == f"--max-size {stats.weights_bytes + 2000}B"
    assert written.measurement == read_making(folder / "stored").measurement  # type: ignore[union-attr]


def test_sensitivities_of_another_base_are_refused(folder: Path, tmp_path: Path) -> None:
    """In the file of `measure` as in a quant's own; one that says nothing of its base is used."""
    save_tiny_model(tmp_path / "other", "llama", seed=1)
    for name in ("sensitivity.json", "quant"):
        asked = ("quantize", "other", "new", "--sensitivity", str(folder / name))
        refused = run(*asked, cwd=tmp_path)
        assert refused.returncode == 2, refused.stderr
        assert f"{folder / name}: base_sha256: measured on weights " in refused.stderr
        assert "those in other are" in refused.stderr
        assert "fix: name sensitivities of this base, or measure it" in refused.stderr
        assert not (tmp_path / "new").exists()
    measured = json.loads((folder / "sensitivity.json").read_text())
    del measured["base_sha256"]
    (tmp_path / "older.json").write_text(json.dumps(measured))
    used = run("quantize", "other", "new", "--sensitivity", "older.json", cwd=tmp_path)
    assert used.returncode == 0, used.stderr


def test_nothing_is_measured_by_the_static_rule_and_a_fit_prints_its_sum(folder: Path) -> None:
    done = run(
        *("quantize", "base", "--method", "static", "--fit", "1GB", "--context", "4096"),
        *("--out", "static"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "measuring" not in done.stderr
    assert "1 GiB of memory, of which the GPU may hold 0.67 GiB" in done.stderr
    assert "for a cache of 4096 tokens" in done.stderr
    written = read_making(folder / "static")
    assert written is not None
    assert written.measurement is None
    assert (written.budget, written.target_bpw) == ("--fit 1GB --context 4096", None)


def test_verify_compares_with_the_base_and_writes_it_down(folder: Path) -> None:
    quant = Path(shutil.copytree(folder / "quant", folder / "verified"))
    asked = ("verify", "verified", "--base-folder", "base", "--tokens", "96")
    done = run(*asked, cwd=folder)
    assert done.returncode == 0, done.stderr
    written = read_verification(quant)
    assert written is not None
    assert written.distance is not None
    assert f"{written.distance.top1_agreement.value:.1%}" in done.stdout
    assert "On this text the uniform quant is" in done.stdout
    found = json.loads(run(*asked, "--json", cwd=folder).stdout)
    assert found == json.loads((quant / "optiq/metadata.json").read_text())["verification"]
    (quant / "optiq/metadata.json").unlink()
    done = run("measure", "base", "--verify", "verified", "--tokens", "96", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert read_verification(quant) == written
    assert not (folder / "verified" / "sensitivity.json").exists()
    assert written.base == BaseUse(None, None, weights_sha256(folder / "base"))
    # the same in the cache of huggingface_hub has a name
    commit = "c" * 40
    kept = shutil.copytree(folder / "base", folder / f"hub/models--acme--base/snapshots/{commit}")
    done = run("verify", "verified", "--base-folder", str(kept), "--tokens", "96", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert read_verification(quant).base == dataclasses.replace(  # type: ignore[union-attr]
        written.base, repo="acme/base", revision=commit
    )


def test_a_quant_says_which_weights_it_is_of_and_verify_refuses_others(
    folder: Path, tmp_path: Path
) -> None:
    """An adapter that is too small to show in weights of 5 bit."""
    other = shutil.copytree(folder / "base", tmp_path / "other")
    file = str(other / "model.safetensors")
    tensors = mx.load(file)
    name = "model.layers.0.self_attn.q_proj.weight"
    low = mx.random.normal((64, 2), key=mx.random.key(1)) @ mx.ones((2, 64))
    tensors[name] = (tensors[name].astype(mx.float32) + 1e-3 * low).astype(mx.bfloat16)
    mx.eval(tensors)
    mx.save_safetensors(file, tensors, {"format": "mlx"})
    making = read_making(folder / "quant")
    assert making is not None
    assert making.base_sha256 == weights_sha256(folder / "base")
    done = run("verify", "quant", "--base-folder", str(other), "--tokens", "96", cwd=folder)
    assert done.returncode == 1, done.stderr
    assert f"quant was not made from {other}: optiq/metadata.json: base_sha256" in done.stderr


def test_the_way_of_rounding_is_written_down_and_changes_the_bytes_not_their_number(
    folder: Path,
) -> None:
    asked = ("--sensitivity", "sensitivity.json", "--calibration-tokens", "96")
    made = run("quantize", "base", "gptq", *asked, "--rounding", "gptq", cwd=folder)
    assert made.returncode == 0, made.stderr
    making = read_making(folder / "gptq")
    assert making is not None
    assert making.rounding == "gptq"
    both = [(folder / name / "model.safetensors").read_bytes() for name in ("gptq", "quant")]
    assert len(both[0]) == len(both[1])
    assert both[0] != both[1]


def test_a_base_without_towers_splits_into_nothing(folder: Path) -> None:
    done = run("split", "base", "quant", cwd=folder)
    assert done.returncode == 0
    assert "base has no towers" in done.stdout


def test_check_lists_what_is_missing_and_exits_1(folder: Path) -> None:
    done = run("check", "quant", "--base-folder", "base", "--json", cwd=folder)
    found = {one["id"]: one["result"] for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert found["card/facts"] == "fail"
    assert found["loads/generates"] == found["loads/near-base"] == "pass"


def test_on_github_each_failed_check_is_an_annotation_at_its_file(folder: Path) -> None:
    (folder / "quant/README.md").write_text("---\nlicense: [a, a\n---\n")
    done = run("check", "quant", cwd=folder, GITHUB_ACTIONS="true")
    (folder / "quant/README.md").unlink()
    assert done.returncode == 1
    listed = [line for line in done.stderr.splitlines() if line.startswith("::error ")]
    assert any(
        line.startswith("::error file=quant/README.md,title=metadata/valid::Invalid YAML")
        for line in listed
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert len(listed) == len(failed) > 1


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
