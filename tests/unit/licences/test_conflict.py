"""A repo that says two things about its licence: both are shown, and a person chooses."""

from __future__ import annotations

import dataclasses
import re

import pytest

from hubtool.errors import LicenceForbids, LicenceUnclear
from hubtool.licences.conflict import (
    NO_KNOWN_TEXT,
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
        ("Creative Commons Attribution-NoDerivatives 4.0 International", "cc-by-nd"),
        ("Creative Commons Attribution-NonCommercial-NoDerivatives 4.0", "cc-by-nc-nd"),
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
        settle([conflicting(text_families=("cc-by-nd",))], ["apache-2.0"])


@pytest.mark.parametrize(
    ("body", "family"),
    [
        ("License: Gemma Terms of Use", "gemma"),
        ("**License:** Gemma Terms of Use", "gemma"),
        ("- **License:** [Gemma](https://ai.google.dev/gemma/terms)", "gemma"),
        ("**License**: Apache 2.0 | **Authors**: Somebody", "apache"),
        ("## Terms of Use\n\nGemma Terms of Use apply.", "gemma"),
        ("License\n-------\n\nCC BY-NC 4.0 only", "cc-by-nc"),
        ("# Licence\n\nSee cc-by-nd-4.0", "cc-by-nd"),
        ("# License\n\nMIT", "mit"),
    ],
)
def test_prose_is_read_in_the_forms_that_cards_use(body: str, family: str) -> None:
    assert families_of_prose(body) == (family,)


@pytest.mark.parametrize("name", ["gpl", "agpl", "lgpl", "bsd", "eupl", "mpl"])
def test_a_text_of_another_common_licence_is_seen(name: str) -> None:
    (family,) = (one for one in families() if one.id == name)
    with pytest.raises(LicenceUnclear, match=f"its licence text is {name}"):
        settle([conflicting(text_families=(family.id,))])


def test_a_text_that_nobody_knows_asks_for_a_word_beside_a_known_licence() -> None:
    with pytest.raises(LicenceUnclear, match=NO_KNOWN_TEXT) as caught:
        settle([conflicting(text_families=(NO_KNOWN_TEXT,))])
    assert caught.value.remedy.endswith("--accept-licence apache-2.0")
    own = dataclasses.replace(declared("other", name="tiny-1"), text_families=(NO_KNOWN_TEXT,))
    assert settle([own]) == (own,)  # this one asks for a word in any case


def test_of_several_licences_a_text_may_tell_one() -> None:
    both = dataclasses.replace(declared("apache-2.0", "mit"), text_families=("mit",))
    assert settle([both]) == (both,)


def test_an_ancestor_that_could_not_be_read_asks_for_a_word() -> None:
    lost = DeclaredLicence("gone/model", "", (), None, None, (), unread="no repo gone/model")
    with pytest.raises(LicenceUnclear, match="gone/model could not be read") as caught:
        settle([conflicting(), lost])
    assert caught.value.remedy.endswith("--accept-licence gone/model")
    assert settle([conflicting(), lost], ["gone/model"])[1] == lost
