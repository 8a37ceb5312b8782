"""A repo that says two things about its licence: both are shown, and a person chooses."""

from __future__ import annotations

import dataclasses
import re

import pytest

from hubtool.errors import LicenceForbids, LicenceUnclear
from hubtool.licences.conflict import (
    NO_DERIVATIVES,
    families_of_prose,
    family_of_text,
    is_licence_text,
    settle,
)
from hubtool.licences.declared import DeclaredLicence
from hubtool.licences.families import Family, families
from hubtool.licences.rules import require_licence
from tests.unit.licences.test_rules import declared

TITLED = [family for family in families() if family.titles]


def licence_text(family: Family, title: str) -> str:
    """A small LICENSE of the right shape: the title that the pattern describes, then clauses."""
    plain = re.sub(r"\\(.)", r"\1", title)
    plain = re.sub(r"\(([^()|]*)\|?[^()]*\)", r"\1", plain)  # the first of several spellings
    plain = re.sub(r"\[(.)[^\]]*\]", r"\1", plain).replace(".{0,40}", "3D ").replace("?", "")
    plain = plain.replace(".{0,20}", "Model ")
    return f"\n\n   {plain.upper()}\n\nCopyright (c) Somebody\n\n1. You may share copies.\n"


@pytest.mark.parametrize("family", TITLED, ids=lambda family: family.id)
def test_every_family_is_known_by_its_own_text(family: Family) -> None:
    for title in family.titles:
        assert family_of_text(licence_text(family, title)) == family.id


def test_every_family_that_can_be_redistributed_has_a_title_or_no_text_was_read() -> None:
    assert {family.id for family in families() if not family.titles} == {
        "openrail-unnamed",
        "unread",
    }


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("Apache License\n      Version 2.0, January 2004", "apache"),
        ("Modified MIT License\n\nPermission is hereby granted, free of charge", "kimi"),
        ("Creative Commons Attribution-NoDerivatives 4.0 International", NO_DERIVATIVES),
        ("Creative Commons Attribution-NonCommercial-NoDerivatives 4.0", NO_DERIVATIVES),
        ("Tongyi Qianwen LICENSE AGREEMENT", "tongyi-qianwen"),
        ("META LLAMA 3 COMMUNITY LICENSE AGREEMENT", "llama3"),
        ("Terms of the Tiny Lab. " + "x" * 4000 + "MIT License", None),
        ("", None),
    ],
)
def test_the_title_at_the_top_decides(text: str, family: str | None) -> None:
    assert family_of_text(text) == family


def test_prose_counts_below_a_licence_heading_only() -> None:
    body = "# Model\n\nThe Gemma Terms of Use are long.\n\n## License\n\nIt is apache-2.0.\n\n## Use\n\nMIT License"
    assert families_of_prose(body) == ("apache",)
    assert families_of_prose("# Licensing\n\nCode: MIT License; weights: Gemma Terms\nof Use") == (
        "gemma",
        "mit",
    )
    assert families_of_prose("no heading, apache-2.0") == ()
    assert families_of_prose("# License\n\nsee llama3.1-like.txt and limits of mitigation") == ()


@pytest.mark.parametrize(
    ("path", "is_one"),
    [("LICENSE", True), ("LICENCE.md", True), ("COPYING", True), ("NOTICE", False)],
)
def test_notices_are_no_licences(path: str, is_one: bool) -> None:
    assert is_licence_text(path) is is_one


def conflicting(**said: tuple[str, ...]) -> DeclaredLicence:
    return dataclasses.replace(declared("apache-2.0", files=("LICENSE",)), **said)  # type: ignore[arg-type]


def test_agreement_needs_no_word() -> None:
    fine = (
        conflicting(text_families=("apache",), prose_families=("apache", "mit")),
        conflicting(text_families=("deepseek", "apache")),  # LICENSE-CODE beside LICENSE-MODEL
        conflicting(),
    )
    assert settle(fine) == fine


@pytest.mark.parametrize("where", ["text_families", "prose_families"])
def test_a_contradiction_stops_and_shows_both_sides(where: str) -> None:
    with pytest.raises(LicenceUnclear, match=r"declares apache-2\.0, .* gemma") as caught:
        settle([conflicting(**{where: ("gemma",)})])
    assert "--accept-licence gemma, or --accept-licence apache-2.0" in caught.value.remedy


def test_the_choice_is_kept_for_the_card() -> None:
    (kept,) = settle([conflicting(text_families=("gemma",))], ["apache-2.0"])
    assert kept.identifiers == ("apache-2.0",)
    assert kept.choice is not None
    assert kept.choice.endswith("its licence text is gemma; published as apache-2.0")
    (other,) = settle([conflicting(text_families=("gemma",))], ["gemma"])
    assert (other.identifiers, other.name) == (("gemma",), None)
    assert other.link == f"https://huggingface.co/{other.repo}/blob/{'0' * 40}/LICENSE"
    assert require_licence([other]).choice == other.choice


def test_a_text_without_derivatives_is_refused_whatever_the_card_says() -> None:
    with pytest.raises(LicenceForbids, match="no derivatives"):
        settle([conflicting(text_families=(NO_DERIVATIVES,))], ["apache-2.0"])
