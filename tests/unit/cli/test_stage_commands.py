"""The commands of single stages, chained on folders as a person would."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import mlx.core as mx
import pytest

from hubtool.artifact.identity import weights_sha256
from hubtool.artifact.stats import stats_of_folder
from hubtool.card.width_chart import WHOLE_MAP, draw_widths
from hubtool.quantize.calibration import load_mix
from hubtool.quantize.choice import DEFAULT_CHOICES
from hubtool.quantize.optiq_files import read_making, read_verification
from hubtool.quantize.verification import BaseUse
from tests.support.commands import run
from tests.support.tiny_models import save_tiny_model


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
