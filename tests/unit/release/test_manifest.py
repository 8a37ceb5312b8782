"""Manifest files and flags become one record, or an error that names the field."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks.quants import text_flags
from hubtool.errors import ManifestInvalid, PathNotFound
from hubtool.quantize.budget import BudgetWish
from hubtool.quantize.choice import DEFAULT_CHOICES, Asked
from hubtool.quantize.rounding.interface import ROUNDINGS
from hubtool.release.lockfile import pinned, remember_pin
from hubtool.release.manifest import load_manifest

FLAGS = {"base": "acme/tiny", "publish": {"org": "me"}}


def test_flags_alone_are_enough() -> None:
    manifest = load_manifest(None, FLAGS)
    assert manifest.target_repo == "me/tiny-OptiQ-4bit"
    assert manifest.quantize.candidate_bits == DEFAULT_CHOICES.bits


def test_flags_override_the_file(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("base: acme/other\npublish: {org: me, name: x}\nquantize: {target_bpw: 6}\n")
    manifest = load_manifest(file, {"base": "acme/tiny", "quantize": {"group_size": 32}})
    assert (manifest.base, manifest.target_repo) == ("acme/tiny", "me/x")
    assert (manifest.quantize.target_bpw, manifest.quantize.group_size) == (6.0, 32)


def test_a_budget_among_the_flags_replaces_the_files(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("base: acme/other\npublish: {org: me}\nquantize: {target_bpw: 6}\n")
    asked = {"quantize": {"stored_bpw": 5.0}}
    assert load_manifest(file, asked).quantize.budget == BudgetWish("stored_bpw", 5.0)
    assert load_manifest(file, {}).quantize.budget == BudgetWish("target_bpw", 6.0)
    file.write_text("base: a/b\npublish: {org: me}\nquantize: {fit: 16GB, max_size: 5GB}\n")
    with pytest.raises(ManifestInvalid) as caught:
        load_manifest(file, {})
    assert caught.value.message == (
        f"{file}: quantize.max_size and quantize.fit: only one budget can be kept to"
    )
    with pytest.raises(ManifestInvalid, match=r"^--target-bpw and --fit: only one budget"):
        load_manifest(file, {"quantize": {"fit": "16GB", "target_bpw": 5.0}})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sensitivity": "a/b", "method": "exact"}, "--method beside --sensitivity"),
        (
            {"sensitivity": "a/b", "reference": "bf16", "seed": 1},
            "--reference and --seed beside --sens",
        ),
        ({"method": "static", "seed": 1}, "--seed beside --method static"),
        (
            {"sensitivity": "a/b", "rounding": "nearest", "calibration_tokens": 512},
            "--calibration-tokens beside --sensitivity",
        ),
    ],
)
def test_how_to_measure_is_refused_where_nothing_is_measured(options: dict, words: str) -> None:
    with pytest.raises(ManifestInvalid, match=f"^{words}.*: nothing is measured then"):
        load_manifest(None, {**FLAGS, "quantize": options})


def test_of_a_flag_and_a_field_that_do_not_go_together_each_has_its_own_name(
    tmp_path: Path,
) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("base: a/b\npublish: {org: me}\nquantize: {method: static}\n")
    with pytest.raises(ManifestInvalid) as caught:
        load_manifest(file, {"quantize": {"seed": 3}})
    assert caught.value.message.startswith("--seed beside quantize.method: static: nothing")
    file.write_text("base: a/b\npublish: {org: me}\nquantize: {seed: 3}\n")
    with pytest.raises(ManifestInvalid) as caught:
        load_manifest(file, {"quantize": {"method": "static"}})
    assert caught.value.message.startswith(f"{file}: quantize.seed beside --method static: nothing")


def test_rounding_reads_text_too_and_defaults_written_out_are_no_wish() -> None:
    rounded = {"sensitivity": "a/b", "rounding": "gptq", "calibration_tokens": 512}
    assert load_manifest(None, {**FLAGS, "quantize": rounded}).quantize.calibration_tokens == 512
    whole = load_manifest(None, {**FLAGS, "quantize": {"sensitivity": "a/b"}})
    assert load_manifest(None, whole.model_dump(mode="json")).quantize == whole.quantize


def test_the_record_of_a_manifest_holds_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    given = {**FLAGS, "quantize": {"stored_bpw": 5.0, "candidate_bits": [4, 8]}}
    manifest = load_manifest(None, given)
    record = tmp_path / "manifest.yaml"
    record.write_text(manifest.as_text)
    assert yaml.safe_load(record.read_text()) == given
    again = load_manifest(record, {})
    assert (again, again.quantize.asked) == (manifest, Asked(bits=(4, 8)))
    assert not load_manifest(None, FLAGS).quantize.asked


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_the_quality_benchmark_names_no_text_where_none_is_read(rounding: str) -> None:
    flags = text_flags(rounding, "512")
    text = dict(zip(("calibration_tokens",), flags[1:], strict=False))
    asked = {"sensitivity": "a/b", "rounding": rounding, **text}
    found = load_manifest(None, {**FLAGS, "quantize": asked}).quantize
    assert found.calibration_tokens == (3072 if rounding == "nearest" else 512)


@pytest.mark.parametrize("tokens", [5, 47])
def test_a_comparison_is_worth_it_or_left_out(tokens: int) -> None:
    for fine in (0, 48):
        assert load_manifest(None, {**FLAGS, "verification": {"tokens": fine}})
    with pytest.raises(
        ManifestInvalid, match=r"^--verify-tokens: must be 0, or 48 or more \(found"
    ):
        load_manifest(None, {**FLAGS, "verification": {"tokens": tokens}})


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, (64,)),
        ({"group_size": 32}, (32,)),
        ({"group_sizes": [32, 128], "stored_bpw": 5.0}, (32, 64, 128)),
        ({"group_sizes": [32, 128]}, (64,)),  # a nominal budget does not see their bytes
    ],
)
def test_which_group_sizes_are_tried(options: dict, sizes: tuple[int, ...]) -> None:
    assert load_manifest(None, {**FLAGS, "quantize": options}).quantize.grid.group_sizes == sizes


@pytest.mark.parametrize(
    ("options", "bits"),
    [
        ({"candidate_bits": [4, 8]}, 4),
        ({}, 4),
        ({"candidate_bits": [3, 4, 5, 6, 8]}, 4),
        ({"candidate_bits": [3, 4, 5, 6, 8], "target_bpw": 5.2}, 5),
        ({"candidate_bits": [3, 4, 5, 6, 8], "stored_bpw": 5.0}, 4),
        ({"candidate_bits": [3, 4, 5, 6, 8], "stored_bpw": 5.5}, 5),
        ({"candidate_bits": [8], "target_bpw": 4.0}, 8),
    ],
)
def test_the_name_has_the_width_of_an_even_quant_of_the_budget(options: dict, bits: int) -> None:
    found = load_manifest(None, {**FLAGS, "quantize": options}).target_repo
    assert found == f"me/tiny-OptiQ-{bits}bit"


def test_a_size_names_no_width_and_an_imported_quant_has_its_own(tmp_path: Path) -> None:
    sized = {**FLAGS, "quantize": {"max_size": "5GB"}}
    with pytest.raises(ManifestInvalid, match="--max-size says nothing of the width") as caught:
        assert load_manifest(None, sized).target_repo
    assert caught.value.remedy == "name it: --name NAME"
    named = {**sized, "publish": {"org": "me", "name": "small"}}
    assert load_manifest(None, named).target_repo == "me/small"
    (tmp_path / "config.json").write_text('{"quantization": {"bits": 6, "group_size": 64}}')
    found = load_manifest(None, {**FLAGS, "quant": str(tmp_path)})
    assert found.target_repo == "me/tiny-OptiQ-6bit"


def test_sensitivities_beside_the_manifest_are_a_file_and_others_a_repo(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{}")
    for named, found in (("s.json", str(tmp_path / "s.json")), ("acme/quant", "acme/quant")):
        file = tmp_path / "r.yaml"
        file.write_text(f"base: a/b\npublish: {{org: me}}\nquantize: {{sensitivity: {named}}}\n")
        assert load_manifest(file, {}).quantize.sensitivity == found


def test_the_brand_names_the_repo(tmp_path: Path) -> None:
    brand = tmp_path / "ours.yaml"
    brand.write_text('name: Ours\nmethod_name: a method\nnaming: "{base}-Ours-{bits}b"\n')
    own = load_manifest(None, {**FLAGS, "card": {"brand": str(brand)}})
    assert own.target_repo == "me/tiny-Ours-4b"
    assert load_manifest(None, {**FLAGS, "card": {"brand": "plain"}}).target_repo == (
        "me/tiny-mixed-4bit"
    )


def test_a_template_and_a_brand_beside_the_manifest_are_found_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "t.md.j2").write_text("")
    file = tmp_path / "r.yaml"
    head = "base: acme/tiny\npublish: {org: me}\n"
    file.write_text(head + "card: {template: t.md.j2, brand: plain}\n")
    card = load_manifest(file, {}).card
    assert (card.template, card.brand) == (str(tmp_path / "t.md.j2"), "plain")


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    head = "base: acme/tiny\npublish: {org: me}\n"
    file.write_text(head + "scores: s.json\n")
    assert load_manifest(file, {}).scores == (str(tmp_path / "s.json"),)
    file.write_text(head + "scores: [s.json, t.json]\n")
    assert load_manifest(file, {}).scores == (str(tmp_path / "s.json"), str(tmp_path / "t.json"))


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        ({"base": "acme/tiny"}, "publish"),
        ({**FLAGS, "base": "no-slash"}, "base"),
        ({**FLAGS, "quantize": {"group_size": 48}}, "quantize.group_size"),
        ({**FLAGS, "quantize": {"candidate_bits": [4, 7]}}, "quantize.candidate_bits"),
        ({**FLAGS, "quantise": {}}, "quantise"),
        ({**FLAGS, "quantize": {"target_bpw": -1}}, "quantize.target_bpw"),
    ],
)
def test_a_bad_field_is_named(flags: dict, field: str) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        load_manifest(None, flags)
    assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({"base": "no-slash", "publish": {"org": "me"}}, "BASE"),
        ({"base": "a/b", "publish": {}}, "--org"),
        ({**FLAGS, "quantize": {"group_sizes": (32, 48)}}, "--group-sizes"),
        ({**FLAGS, "quantize": {"target_bpw": -1.0}}, "--target-bpw"),
        ({**FLAGS, "quantize": {"fit": "16"}}, "--fit"),
        ({**FLAGS, "publish": {"org": "me", "gate": "closed"}}, "--gate"),
    ],
)
def test_a_bad_flag_is_named_as_it_was_written(flags: dict, name: str) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        load_manifest(None, flags)
    assert caught.value.message.startswith(f"{name}: ")
    assert caught.value.remedy == f"correct {name}; `hubtool release --help` shows what it takes"


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ("publish: {}", "publish.org"),
        ("publish: {org: me}\nquantize: {group_sizes: [32, 48]}", "quantize.group_sizes.1"),
        ("publish: {org: me}\nquantize: {max_size: 5}", "quantize.max_size"),
        ("publish: {org: me}\nquantize: {max_size: 5 XB}", "quantize.max_size"),
        ("publish: {org: me}\nquantise: {}", "quantise"),
    ],
)
def test_a_bad_field_of_a_file_is_named_with_the_file(
    tmp_path: Path, part: str, field: str
) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(f"base: a/b\n{part}\n")
    with pytest.raises(ManifestInvalid) as caught:
        load_manifest(file, {"quantize": {"seed": 1}})
    assert caught.value.message.startswith(f"{file}: {field}: ")
    assert caught.value.remedy == f"correct {field}; docs/reference/manifest.md lists every field"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound, match="no manifest at"):
        load_manifest(tmp_path / "nothing.yaml", {})


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("base: [unclosed\n")
    with pytest.raises(ManifestInvalid, match="is not YAML"):
        load_manifest(file, {})


def test_the_first_run_pins_the_revision_beside_the_manifest(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("base: acme/tiny\npublish: {org: me}\n")
    remember_pin(file, load_manifest(file, {}), "a" * 40)
    assert pinned(load_manifest(file, {}), file).revision == "a" * 40
    other = load_manifest(file, {"base": "acme/other"})
    assert pinned(other, file).revision is None
