"""Every check can fail, says on what, and passes on a sound quant."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hubtool.artifact.headers import read_header
from hubtool.checks import card, doctor, hub, layout, licence, metadata, secrets, tensors
from hubtool.checks.interface import Check, CheckSubject
from hubtool.checks.run import check_ids, families, require_passed, run_checks
from hubtool.errors import ChecksFailed
from tests.support.sound_quant import BASE, base, change_json, remove, replace, write
from tests.support.toy_weights import packed_linear, safetensors_bytes

FIRST = "model.layers.0.mlp.up_proj"
CHEAP = ("layout", "doctor", "metadata", "hub", "licence", "card", "secrets", "tensors")


def test_a_sound_quant_passes_every_check(quant: Path) -> None:
    subject = CheckSubject(quant, base=base())
    found = [one for name in CHEAP for one in families()[name](subject)]
    assert [one.id for one in found if one.result not in ("pass", "warn")] == ["metadata/hub"]
    assert {one.id.split("/")[0] for one in found} == set(CHEAP)


def add_sidecar(folder: Path) -> None:
    tower = safetensors_bytes({"vision_tower.x": ("BF16", (4,))})
    (folder / "optiq_vision.safetensors").write_bytes(tower)


def wrong_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"ghost": "x"}}')


def stored_twice(folder: Path) -> None:
    extra = safetensors_bytes({"model.norm.weight": ("BF16", (64,))})
    (folder / "model-2.safetensors").write_bytes(extra)


def not_finite(folder: Path) -> None:
    file = folder / "model.safetensors"
    info = read_header(file).tensors["model.norm.weight"]
    with file.open("r+b") as stream:
        stream.seek(info.start + 6)
        stream.write(struct.pack("<H", 0x7FC0))


def not_quantized(folder: Path) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    config["quantization"][FIRST] = False
    file.write_text(json.dumps(config))


def sharded_without_index(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")


def fewer_parameters(folder: Path) -> None:
    sharded_without_index(folder)
    names = read_header(folder / "model-00001-of-00001.safetensors").tensors
    index = {
        "metadata": {"total_parameters": 5},
        "weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors"),
    }
    write("model.safetensors.index.json", json.dumps(index))(folder)


def indexed_mtp(folder: Path) -> None:
    head = safetensors_bytes({"mtp.x": ("BF16", (4,))})
    write("optiq/mtp.safetensors", head)(folder)
    places = {"model.norm.weight": "model.safetensors", "mtp.x": "optiq/mtp.safetensors"}
    write("model.safetensors.index.json", json.dumps({"weight_map": places}))(folder)


def hidden_index(folder: Path) -> None:
    add_sidecar(folder)
    write("model.safetensors.index.json", '{"weight_map": {}}')(folder)


def weights(**changes: tuple[str, tuple[int, ...]] | None) -> Callable[[Path], None]:
    """The toy weights with parts of their first component changed, or taken away."""
    tensors = dict(packed_linear(FIRST, 128, 64, 4))
    for part, tensor in changes.items():
        del tensors[f"{FIRST}.{part}"]
        if tensor is not None:
            tensors[f"{FIRST}.{part}"] = tensor
    return write("model.safetensors", safetensors_bytes(tensors))


def note_in_header(folder: Path) -> None:
    tensors = {"vision_tower.x": ("BF16", (4,))}
    noted = safetensors_bytes(tensors, {"source": f"{folder.parent}/base"})
    (folder / "optiq_vision.safetensors").write_bytes(noted)


PACKED = "tensors/packing"
FAILURES: list[tuple[Check, Callable[[Path], None], str, str, str]] = [
    (layout.check, remove("config.json"), "layout/whole", "", "config.json"),
    (layout.check, write("x/a.bin", ""), "layout/files", "x/a.bin", "must not be published"),
    (layout.check, write("modeling.py", ""), "layout/files", "modeling.py", "modeling.py"),
    (layout.check, write(".env", ""), "layout/files", ".env", ".env"),
    (layout.check, wrong_index, "layout/index", "model.safetensors.index.json", "ghost"),
    (layout.check, add_sidecar, "layout/index", "model.safetensors.index.json", "is missing"),
    (layout.check, hidden_index, "layout/index", "model.safetensors.index.json", "hides the index"),
    (layout.check, indexed_mtp, "layout/index", "model.safetensors.index.json", "loaders would"),
    (layout.check, write("A.BIN", ""), "layout/files", "A.BIN", "A.BIN"),
    (layout.check, write("x/a.pyc", ""), "layout/files", "x/a.pyc", "x/a.pyc"),
    (layout.check, write("a.partial", ""), "layout/files", "a.partial", "a.partial"),
    (layout.check, stored_twice, "layout/once", "", "model.norm.weight"),
    (layout.check, remove("tokenizer.json"), "layout/companions", "", "no tokenizer"),
    (
        layout.check,
        change_json("config.json", vision_config={"depth": 1}),
        "layout/config",
        "config.json",
        "a tower that has no tensors",
    ),
    (
        layout.check,
        change_json("config.json", quantization_config=None),
        "layout/config",
        "config.json",
        "differ",
    ),
    (doctor.check, remove("config.json"), "doctor/repo", "", "Missing config.json"),
    (
        doctor.check,
        change_json("config.json", quantization={"bits": 4, "group_size": 32}),
        "doctor/repo",
        "",
        "quantization.shape",
    ),
    (metadata.check, remove("README.md"), "metadata/valid", "README.md", "metadata"),
    (
        metadata.check,
        replace("README.md", "license: mit", "license: [a, a"),
        "metadata/valid",
        "README.md, line 7",
        "Invalid YAML",
    ),
    (
        metadata.check,
        replace("README.md", f"base_model: {BASE}", "base_model: acme/other"),
        "metadata/base",
        "README.md",
        "base_model is 'acme/other'",
    ),
    (
        metadata.check,
        add_sidecar,
        "metadata/modality",
        "README.md",
        "although the towers are there",
    ),
    (
        metadata.check,
        replace("README.md", "pipeline_tag: text", "pipeline_tag: image-text-to-text #"),
        "metadata/modality",
        "README.md",
        "although the towers are not there",
    ),
    (
        licence.check,
        replace("README.md", "license: mit", "license: apache-2.0"),
        "licence/fields",
        "README.md",
        "the base says ['mit']",
    ),
    (licence.check, remove("LICENSE"), "licence/files", "", "LICENSE is missing"),
    (licence.check, write("LICENSE", "mine"), "licence/files", "", "not as the base has it"),
    (
        card.check,
        replace("README.md", "pipeline_tag: text-generation", "pipeline_tag: fill-mask"),
        "card/facts",
        "README.md",
        "pipeline_tag is 'fill-mask', the facts say 'text-generation'",
    ),
    (
        card.check,
        write("tokenizer_config.json", "{"),
        "card/facts",
        "README.md",
        "tokenizer_config.json is not JSON",
    ),
    (hub.check, not_quantized, "hub/parameters", "", f"says that {FIRST} is not quantized"),
    (hub.check, fewer_parameters, "hub/parameters", "", "the index says 5 parameters"),
    (hub.check, sharded_without_index, "hub/parameters", "", "would count nothing"),
    (
        hub.check,
        replace("README.md", "pipeline_tag: text-generation", "pipeline_tag: any-to-any"),
        "hub/snippet",
        "README.md",
        "for pipeline_tag 'any-to-any' the page would offer no code",
    ),
    (hub.check, replace("README.md", "- mlx\n", ""), "hub/snippet", "README.md", "the tag mlx"),
    (hub.check, write("chat_template.jinja", "{}"), "hub/snippet", "README.md", "conversational"),
    (
        hub.check,
        write(".gitattributes", "*.bin filter=lfs\n*.md filter=lfs diff=lfs\n"),
        "hub/card",
        "README.md",
        "puts it into LFS",
    ),
    (secrets.check, write("notes.md", "hf_" + "a" * 34), "secrets/token", "notes.md", "a token"),
    (
        secrets.check,
        lambda folder: write("notes.md", f"{folder.parent}/x")(folder),
        "secrets/paths",
        "notes.md",
        "paths of this machine",
    ),
    (
        secrets.check,
        lambda folder: write("notes.md", f"I keep it in {folder.parent}.")(folder),
        "secrets/paths",
        "notes.md",
        "paths of this machine",
    ),
    (
        secrets.check,
        note_in_header,
        "secrets/paths",
        "optiq_vision.safetensors",
        "paths of this machine",
    ),
    (
        secrets.check,
        write("tokenizer.json", json.dumps({"a": "hf_" + "a" * 34})),
        "secrets/token",
        "tokenizer.json",
        "a token",
    ),
    (tensors.check, weights(scales=None), PACKED, f"{FIRST}.weight", "is not there"),
    (tensors.check, weights(weight=None), PACKED, f"{FIRST}.scales", "found nothing"),
    (tensors.check, weights(weight=("F32", (128, 64))), PACKED, f"{FIRST}.scales", "found F32"),
    (tensors.check, weights(scales=("U32", (128, 1))), PACKED, f"{FIRST}.biases", "U32 [128, 1]"),
    (tensors.check, weights(biases=("BF16", (64, 1))), PACKED, f"{FIRST}.biases", "BF16 [64, 1]"),
    (tensors.check, weights(biases=None), PACKED, FIRST, "no model.layers.0.mlp.up_proj.biases"),
    (
        tensors.check,
        weights(scales=("BF16", (64, 1)), biases=("BF16", (64, 1))),
        PACKED,
        FIRST,
        "a weight of shape [128, 8] cannot have scales of shape [64, 1]",
    ),
    (
        tensors.check,
        weights(scales=("BF16", (128, 0)), biases=("BF16", (128, 0))),
        PACKED,
        FIRST,
        "cannot have scales of shape [128, 0]",
    ),
    (
        tensors.check,
        weights(weight=("U32", (128, 16))),
        PACKED,
        FIRST,
        "the file has 16 (8 bit)",
    ),
    (
        tensors.check,
        write("model.safetensors", safetensors_bytes({"a.weight": ("BF16", (4,))})),
        PACKED,
        "",
        "nothing is quantized",
    ),
    (tensors.check, not_finite, "tensors/finite", "model.safetensors", "model.norm.weight holds"),
]


@pytest.mark.parametrize(
    ("check", "spoil", "id_", "where", "words"),
    FAILURES,
    ids=[f"{row[2]} {row[4]}" for row in FAILURES],
)
def test_a_check_fails_where_it_must_and_says_on_what(
    quant: Path, check: Check, spoil: Callable[[Path], None], id_: str, where: str, words: str
) -> None:
    spoil(quant)
    failed = [one for one in check(CheckSubject(quant, base=base())) if one.result == "fail"]
    found = {one.id: one for one in failed}
    assert id_ in found, failed
    assert found[id_].subject == where
    assert words in found[id_].message
    assert found[id_].remedy


def test_python_files_may_stay_where_they_were_allowed(quant: Path) -> None:
    (quant / "modeling.py").write_text("")
    subject = CheckSubject(quant, trust_remote_code=True)
    assert not [one for one in layout.check(subject) if one.id == "layout/files" and one.remedy]


def test_weights_that_cannot_be_read_fail_with_their_error(quant: Path) -> None:
    shard = quant / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:-10])
    findings = run_checks(CheckSubject(quant))
    failed = {one.id: one.message for one in findings.failed}
    assert "model.safetensors" in failed["layout/readable"]
    with pytest.raises(ChecksFailed) as caught:
        require_passed(findings)
    assert f"layout/readable: {shard}" in caught.value.message
    assert "loads/generates" in caught.value.message


def test_a_card_without_a_base_fails_although_nothing_says_which_it_is(quant: Path) -> None:
    remove("optiq/release.json")(quant)
    replace("README.md", f"base_model: {BASE}\n", "")(quant)
    found = {one.id: one for one in metadata.check(CheckSubject(quant))}
    assert found["metadata/base"].result == "fail"
    assert found["metadata/base"].message == "base_model is missing, or is no repo id"


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_config_is_told_once_and_every_family_that_reads_it_points_there(
    quant: Path, content: str
) -> None:
    (quant / "config.json").write_text(content)
    found = {one.id: one for one in run_checks(CheckSubject(quant)).findings}
    assert found["layout/readable"].message.startswith("config.json ")
    assert {id_ for id_, one in found.items() if one.message == "see layout/readable"} == {
        "metadata/readable",
        "hub/readable",
        "card/facts",
        "tensors/readable",
        "loads/readable",
    }


def test_every_id_that_is_found_is_listed(quant: Path) -> None:
    found = {one.id for one in run_checks(CheckSubject(quant, base=base())).findings}
    for number, (_, spoil, *_) in enumerate(FAILURES):
        folder = quant.parent / f"spoilt-{number}"
        shutil.copytree(quant, folder)
        spoil(folder)
        subject = CheckSubject(folder, base=base())
        found |= {one.id for one in run_checks(subject, skip=["loads"]).findings}
    assert {id_ for id_ in found if not id_.endswith("/readable")} <= set(check_ids())


def test_a_long_card_and_a_picture_in_its_text_are_warned_about(quant: Path) -> None:
    card_file = quant / "README.md"
    card_file.write_text(card_file.read_text() + "![x](data:image/png;base64,AA)" + "x" * 100_000)
    found = [
        (one.result, one.message) for one in hub.check(CheckSubject(quant)) if one.id == "hub/card"
    ]
    assert [result for result, _ in found] == ["pass", "warn", "warn"]
    assert "may be cut" in found[1][1]
    assert "picture inside the text" in found[2][1]


def test_what_mlx_model_doctor_warns_of_is_told_with_its_remedy(quant: Path) -> None:
    write("model.safetensors.index.json", '{"weight_map": {"x": "gone.safetensors"}}')(quant)
    (found,) = doctor.check(CheckSubject(quant))
    assert (found.id, found.result) == ("doctor/repo", "warn")
    assert found.message.startswith("safetensors.index: ")
    assert "Regenerate" in found.remedy


def test_only_and_skip_choose_families_and_ids(quant: Path) -> None:
    def ids(**chosen: list[str]) -> list[str]:
        return [one.id for one in run_checks(CheckSubject(quant), **chosen).findings]

    assert ids(only=["hub/card", "secrets"]) == ["hub/card", "secrets/token", "secrets/paths"]
    assert ids(only=["secrets"], skip=["secrets/paths"]) == ["secrets/token"]
    assert ids(only=["secrets"], skip=["secrets"]) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "layout", "--skip", "layout"], "--only and --skip leave nothing to check"),
        (["--base-folder", "nowhere"], "--base-folder nowhere: no model there"),
    ],
)
def test_what_cannot_be_checked_is_told_at_the_start(
    quant: Path, arguments: list[str], told: str
) -> None:
    command = [sys.executable, "-m", "hubtool", "check", str(quant), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_every_id_that_a_check_can_report_is_listed(quant: Path) -> None:
    (quant / "model.safetensors").write_bytes(b"no weights")
    found = run_checks(CheckSubject(quant)).findings
    assert {one.id for one in found} <= set(check_ids())
    assert "tensors/readable" in {one.id for one in found}


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (replace("README.md", "license: mit", "license: [oops"), "metadata/valid"),
        (lambda folder: cut_short(folder / "model.safetensors"), "layout/readable"),
    ],
)
def test_one_cause_is_told_once(quant: Path, spoil: Callable[[Path], None], cause: str) -> None:
    spoil(quant)
    subject = CheckSubject(quant, base=base())
    findings = run_checks(subject, only=CHEAP, skip=("doctor",)).findings
    assert [one.id for one in findings if one.result == "fail"] == [cause]
    see = [one.id for one in findings if one.message == f"see {cause}"]
    assert {"card/facts", "hub/snippet" if cause == "metadata/valid" else "hub/readable"} <= {*see}


@pytest.mark.parametrize("family", ["metadata", "hub", "licence", "card"])
def test_a_family_alone_tells_what_keeps_it_from_the_fields(quant: Path, family: str) -> None:
    replace("README.md", "license: mit", "license: [oops")(quant)
    failed = run_checks(CheckSubject(quant), only=[family]).failed
    assert [one.message[:28] for one in failed] == ["Invalid YAML in README.md: e"]


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def test_a_file_without_rights_is_a_finding_and_the_other_checks_run(
    quant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder / "config.json"))

    monkeypatch.setattr(layout, "weight_files", refused)
    found = run_checks(CheckSubject(quant), only=["layout", "secrets"]).findings
    assert [one.id for one in found] == ["layout/readable", "secrets/token", "secrets/paths"]
    assert found[0].message == f"{quant / 'config.json'}: permission denied"


def test_parameters_that_the_hub_leaves_out_are_told(quant: Path) -> None:
    tensors = {
        **packed_linear(FIRST, 128, 64, 4),
        "scale": ("BF16", ()),
        "model.norm": ("BF16", (4,)),
    }
    (quant / "model.safetensors").write_bytes(safetensors_bytes(tensors, {"format": "mlx"}))
    told = next(one.message for one in hub.check(CheckSubject(quant)))
    assert told == (
        "8,196 parameters; here are 8,197: the Hub leaves out 1 single numbers "
        "(tensors without a dimension)"
    )
