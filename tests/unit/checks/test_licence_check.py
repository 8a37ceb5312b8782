"""Licences are never widened, and their files come along."""

from __future__ import annotations

from pathlib import Path

from hubtool.base.source import DeclaredLicence
from hubtool.checks import licence
from hubtool.checks.interface import CheckSubject
from tests.support.sound_quant import BASE, REVISION, base, remove, replace


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


def test_a_recorded_licence_is_held_to_the_rules_where_the_base_is_not_known(quant: Path) -> None:
    replace("optiq/release.json", '"mit"', '"cc-by-nd-4.0"')(quant)
    failed = [one.id for one in licence.check(CheckSubject(quant)) if one.result == "fail"]
    assert failed == ["licence/allowed", "licence/fields"]


def test_a_folder_without_provenance_has_its_licence_skipped_with_a_reason(quant: Path) -> None:
    remove("optiq/release.json")(quant)
    (found,) = licence.check(CheckSubject(quant))
    assert (found.id, found.result) == ("licence/fields", "skip")
    assert "optiq/release.json" in found.message
