"""Every check can fail, says on what, and passes on a sound quant."""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from hubtool.artifact.headers import read_header
from hubtool.base.source import Base, DeclaredLicence
from hubtool.card.provenance import CardWish, LicenceFacts
from hubtool.card.templates import brand_sha256, template_sha256
from hubtool.card.write import lay_out
from hubtool.checks import layout, licence, metadata, secrets, tensors
from hubtool.checks.interface import Check, CheckSubject
from hubtool.checks.run import families, require_passed, run_checks
from hubtool.errors import ChecksFailed
from hubtool.records import hash_file
from tests.support.card_facts import provenance
from tests.support.toy_weights import safetensors_bytes, write_quant

LICENCE = b"Terms of a test\n"
BASE = "acme/base"
REVISION = "a" * 40


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    """A sound quant of toy weights: everything but a model that would load."""
    folder = tmp_path / "work" / "quant"
    write_quant(folder)
    (folder / "LICENSE").write_bytes(LICENCE)
    (folder / "tokenizer.json").write_text("{}")
    wish = CardWish("plain", template_sha256("plain"), "plain", brand_sha256("plain"), None, None)
    made = provenance(
        base_repo=BASE,
        base_revision=REVISION,
        drafter=None,
        licence=LicenceFacts(BASE, REVISION, ("mit",), None, None),
        licence_files=(hash_file(folder, "LICENSE"),),
        template="plain",
        brand="plain",
    )
    lay_out(folder, made, None, wish, {}, existing=None).write(folder)
    return folder


def base(**changes: object) -> Base:
    own = DeclaredLicence(BASE, REVISION, ("mit",), None, None, ("LICENSE",))
    whole = Base(
        repo=BASE,
        revision=REVISION,
        config={},
        card_metadata={},
        files=(),
        licences=(own,),
        gated="",
        private=False,
        target_repo="me/q",
        canonical_url="",
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


CHEAP = ("layout", "metadata", "licence", "card", "secrets", "tensors")


def test_a_sound_quant_passes_every_check(quant: Path) -> None:
    subject = CheckSubject(quant, base=base())
    found = [one for name in CHEAP for one in families()[name](subject)]
    assert [one for one in found if one.result not in ("pass", "warn")] == []
    assert {one.id.split("/")[0] for one in found} == set(CHEAP)


def change_json(path: str, **changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / path
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new))

    return change


def write(path: str, content: str | bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)

    return change


def remove(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


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


FAILURES: list[tuple[Check, Callable[[Path], None], str, str, str]] = [
    (layout.check, remove("config.json"), "layout/whole", "", "config.json"),
    (layout.check, write("x/a.bin", ""), "layout/files", "x/a.bin", "must not be published"),
    (layout.check, write("modeling.py", ""), "layout/files", "modeling.py", "modeling.py"),
    (layout.check, write(".env", ""), "layout/files", ".env", ".env"),
    (layout.check, wrong_index, "layout/index", "model.safetensors.index.json", "ghost"),
    (layout.check, add_sidecar, "layout/index", "model.safetensors.index.json", "is missing"),
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
        "although optiq_vision.safetensors is there",
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
    (secrets.check, write("notes.md", "hf_" + "a" * 34), "secrets/token", "notes.md", "a token"),
    (
        secrets.check,
        lambda folder: write("notes.md", f"{folder.parent}/x")(folder),
        "secrets/paths",
        "notes.md",
        "paths of this machine",
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


def test_a_licence_of_the_base_that_was_widened_is_told(quant: Path) -> None:
    strict = DeclaredLicence(BASE, REVISION, ("gemma",), None, None, ("LICENSE", "NOTICE"))
    subject = CheckSubject(quant, base=base(licences=(strict,)))
    failed = {one.id: one.message for one in licence.check(subject) if one.result == "fail"}
    assert "the base (('gemma',)" in failed["licence/fields"]
    assert "NOTICE of the base was not copied" in failed["licence/files"]


def test_a_licence_that_forbids_derivatives_is_told(quant: Path) -> None:
    none = DeclaredLicence(BASE, REVISION, ("cc-by-nd-4.0",), None, None, ())
    subject = CheckSubject(quant, base=base(licences=(none,)))
    failed = [one.id for one in licence.check(subject) if one.result == "fail"]
    assert "licence/allowed" in failed


def test_python_files_may_stay_where_they_were_allowed(quant: Path) -> None:
    (quant / "modeling.py").write_text("")
    subject = CheckSubject(quant, trust_remote_code=True)
    assert not [one for one in layout.check(subject) if one.id == "layout/files" and one.remedy]


def test_weights_that_cannot_be_read_fail_with_their_error(quant: Path) -> None:
    shard = quant / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:-10])
    findings = run_checks(CheckSubject(quant))
    failed = {one.id: one.message for one in findings.failed}
    assert "model.safetensors" in failed["tensors/readable"]
    with pytest.raises(ChecksFailed) as caught:
        require_passed(findings)
    assert "tensors/readable: model.safetensors" in caught.value.message
    assert "loads/generates" in caught.value.message


def test_a_model_that_mlx_lm_cannot_load_fails(quant: Path) -> None:
    failed = {one.id: one for one in families()["loads"](CheckSubject(quant))}
    assert failed["loads/generates"].result == "fail"
    assert "mlx-lm does not load it" in failed["loads/generates"].message
    assert failed["loads/near-base"].result == "skip"
