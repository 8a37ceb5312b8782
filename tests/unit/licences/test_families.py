"""What each licence family asks: acceptance, names, phrases, limits."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hubtool.card.provenance import licence_facts
from hubtool.errors import LicenceForbids, LicenceUnclear
from hubtool.licences.declared import LicenceTerms
from hubtool.licences.families import (
    Family,
    families,
    families_of,
    is_known,
    require_accepted,
    require_name,
)
from hubtool.licences.identifiers import LICENCE_IDENTIFIERS
from hubtool.licences.rules import require_licence
from tests.unit.licences.test_rules import declared


def terms_of(family: Family) -> LicenceTerms:
    if family.identifiers:
        return require_licence([declared(family.identifiers[0])])
    return require_licence([declared("other", name=family.names[0])])


FORBIDDING = [family for family in families() if family.redistribute == "no"]
ALLOWED = [family for family in families() if family.redistribute != "no"]


@pytest.mark.parametrize("family", ALLOWED, ids=lambda family: family.id)
def test_every_family_is_found_by_its_declaration_and_has_a_source(family: Family) -> None:
    terms = terms_of(family)
    assert families_of(terms) == (family,)
    assert family.source
    assert set(family.identifiers) <= set(LICENCE_IDENTIFIERS)
    label = terms.name or terms.identifiers[0]
    require_accepted(terms, (label,))
    require_accepted(terms, (family.id,))
    if family.accept:
        with pytest.raises(LicenceUnclear, match="needs your explicit word") as caught:
            require_accepted(terms, ())
        assert f"--accept-licence {label}" in caught.value.remedy
    if family.starts_with:
        require_name(terms, f"{family.starts_with[0]}-8B-4bit")
        with pytest.raises(LicenceUnclear, match="to start with"):
            require_name(terms, "Anything-4bit")
    else:
        require_name(terms, "Anything-4bit")


@pytest.mark.parametrize("family", FORBIDDING, ids=lambda family: family.id)
def test_a_family_without_derivatives_is_refused(family: Family) -> None:
    with pytest.raises(LicenceForbids):
        terms_of(family)


def test_what_nobody_read_asks_for_a_word() -> None:
    assert all(family.accept for family in families() if not family.verified)
    (new,) = families_of(require_licence([declared("other", name="brand-new")]))
    assert (new.id, new.accept, is_known(new)) == ("brand-new", True, False)
    with pytest.raises(ValidationError, match="needs `accept`"):
        Family(id="x", verified=False, source="unverified")


def test_every_licence_of_a_list_binds() -> None:
    terms = require_licence([declared("apache-2.0", "cc-by-nc-4.0", "llama3.1")])
    assert [family.id for family in families_of(terms)] == ["apache", "cc-by-nc", "llama3.1"]
    with pytest.raises(LicenceUnclear, match="For non-commercial use only"):
        require_accepted(terms, ("llama3.1",))
    require_accepted(terms, ("llama3.1", "cc-by-nc-4.0"))
    with pytest.raises(LicenceUnclear, match="to start with"):
        require_name(terms, "My-Model")
    facts = licence_facts(terms, terms, frozenset())
    assert facts.shown == "Built with Llama."
    assert facts.limit is not None
    assert facts.limit.startswith("For non-commercial use only. Use is bound")


def test_a_name_beside_other_identifiers_counts() -> None:
    terms = require_licence([declared("mit", "other", name="deepseek")])
    assert [family.id for family in families_of(terms)] == ["mit", "deepseek"]
    odd = require_licence([declared("mit", "brand-new")])
    with pytest.raises(LicenceUnclear, match="brand-new: this licence needs your explicit word"):
        require_accepted(odd, ())
    require_accepted(odd, ("brand-new",))


def test_the_licence_of_an_ancestor_counts_as_well() -> None:
    terms = require_licence([declared("apache-2.0"), declared("llama3.1", repo="meta/llama")])
    with pytest.raises(LicenceUnclear, match=r"llama3\.1: this licence needs your explicit word"):
        require_accepted(terms, ())
    with pytest.raises(LicenceUnclear, match=r"llama3\.1 wants the name"):
        require_name(terms, "My-Model-4bit")
    require_accepted(terms, ("llama3.1",))
    require_name(terms, "Llama-My-Model-4bit")
