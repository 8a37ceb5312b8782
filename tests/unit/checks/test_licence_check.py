"""Licences are never widened, and their files come along."""

from __future__ import annotations

from pathlib import Path

from hubtool.base.source import DeclaredLicence
from hubtool.checks import licence
from hubtool.checks.interface import CheckSubject
from tests.support.sound_quant import BASE, REVISION, base, change_json, remove, replace


def test_a_licence_of_the_base_that_was_widened_is_told(quant: Path) -> None:
    strict = DeclaredLicence(BASE, REVISION, ("gemma",), None, None, ("LICENSE", "NOTICE"))
    subject = CheckSubject(quant, base=base(licences=(strict,)))
    failed = {one.id: one.message for one in licence.check(subject) if one.result == "fail"}
    assert f"optiq/release.json says mit, {BASE} gemma" in failed["licence/fields"]
    assert "NOTICE of the base was not copied" in failed["licence/files"]


def test_a_licence_that_forbids_derivatives_is_told(quant: Path) -> None:
    none = DeclaredLicence(BASE, REVISION, ("cc-by-nd-4.0",), None, None, ())
    subject = CheckSubject(quant, base=base(licences=(none,)))
    failed = [one.id for one in licence.check(subject) if one.result == "fail"]
    assert "licence/allowed" in failed


def test_a_recorded_licence_is_held_to_the_rules_where_the_base_is_not_known(quant: Path) -> None:
    replace("optiq/release.json", '"mit"', '"cc-by-nd-4.0"')(quant)
    failed = [one.id for one in licence.check(CheckSubject(quant)) if one.result == "fail"]
    assert failed == ["licence/allowed", "licence/fields"]


def found_in(quant: Path) -> dict[str, tuple[str, str]]:
    return {one.id: (one.result, one.message) for one in licence.check(CheckSubject(quant))}


def test_a_folder_without_provenance_is_held_to_what_its_card_says(quant: Path) -> None:
    remove("optiq/release.json")(quant)
    found = found_in(quant)
    assert found["licence/allowed"] == ("pass", "mit lets derivatives be shared")
    assert found["licence/fields"][0] == "skip"
    replace("README.md", "license: mit", "license: cc-by-nd-4.0")(quant)
    assert found_in(quant)["licence/allowed"][0] == "fail"
    replace("README.md", "license: cc-by-nd-4.0\n", "")(quant)
    assert "no licence" in found_in(quant)["licence/allowed"][1]


def test_a_text_of_another_licence_than_the_fields_name_is_told(quant: Path) -> None:
    (quant / "LICENSE").write_text("Gemma Terms of Use\n")
    result, message = found_in(quant)["licence/text"]
    assert result == "fail"
    assert "declares mit, its licence text is gemma" in message


def test_a_name_that_the_licence_wants_otherwise_is_told(quant: Path) -> None:
    replace("optiq/release.json", '"mit"', '"llama3.1"')(quant)
    assert found_in(quant)["licence/name"][0] == "fail"


def test_a_notice_without_the_licences_line_is_told(quant: Path) -> None:
    line = "Tiny is licensed under the Tiny License, Copyright (c) Tiny Lab. All rights reserved."
    text = f'keep a file named "Notice" that says: "{line}"'
    (quant / "LICENSE").write_text(text)
    replace("optiq/release.json", '"mit"', '"gemma"')(quant)
    assert "asks for a file named Notice" in found_in(quant)["licence/notice"][1]
    (quant / "Notice").write_bytes(b"")
    assert found_in(quant)["licence/notice"][0] == "fail"
    (quant / "Notice").write_text("Somebody else's notice.")
    assert line in found_in(quant)["licence/notice"][1]
    (quant / "Notice").write_text(f"{line}\n\nChanged by us.\n")
    assert found_in(quant)["licence/notice"][0] == "pass"


def test_a_base_without_a_licence_text_is_told(quant: Path) -> None:
    remove("LICENSE")(quant)
    change_json("optiq/release.json", licence_files=[])(quant)
    assert found_in(quant)["licence/files"][0] == "warn"
