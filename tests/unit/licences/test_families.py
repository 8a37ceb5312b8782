"""What each licence family asks: acceptance, names, phrases, the Notice line."""

from __future__ import annotations

import pytest

from hubtool.errors import LicenceUnclear
from hubtool.licences.families import (
    Family,
    families,
    family_of,
    missing_notice,
    notice_line,
    notices,
    require_accepted,
)
from hubtool.licences.identifiers import LICENCE_IDENTIFIERS
from hubtool.licences.rules import LicenceTerms, require_licence
from tests.unit.licences.test_rules import declared

# sentences of the shape that agreements print, not their words
AGREEMENT = """4. Copies. You must keep, in every copy, a text file named “Notice” distributed with it,
that reads: “{line}” and nothing else."""
LINE = "Tiny Model is made available under the Tiny Community License, Copyright (c) Tiny Lab."


def terms_of(family: Family) -> LicenceTerms:
    if family.identifiers:
        return require_licence([declared(family.identifiers[0])])
    return require_licence([declared("other", name=family.names[0])])


@pytest.mark.parametrize("family", families(), ids=lambda family: family.id)
def test_every_family_is_found_by_its_declaration_and_has_a_source(family: Family) -> None:
    terms = terms_of(family)
    assert family_of(terms) == family
    assert family.source
    assert set(family.identifiers) <= set(LICENCE_IDENTIFIERS)
    name = f"{family.starts_with[0]}-8B-4bit" if family.starts_with else "Anything-4bit"
    label = terms.name or terms.identifiers[0]
    require_accepted(terms, name, (label,))
    if family.accept:
        with pytest.raises(LicenceUnclear, match="needs your explicit word") as caught:
            require_accepted(terms, name, ())
        assert f"--accept-licence {label}" in caught.value.remedy
    if family.starts_with:
        with pytest.raises(LicenceUnclear, match="to start with"):
            require_accepted(terms, "Anything-4bit", (label,))
    text = {"LICENSE": AGREEMENT.format(line=LINE).encode()}
    assert missing_notice(terms, text) is None
    assert missing_notice(terms, {}) == (label if family.notice else None)


def test_unverified_families_ask_for_a_word() -> None:
    assert {family.id for family in families() if family.source == "unverified"} <= {
        family.id for family in families() if family.accept
    }
    assert family_of(require_licence([declared("other", name="brand-new")])).accept


def test_the_licence_of_an_ancestor_counts_as_well() -> None:
    chain = [declared("apache-2.0"), declared("llama3.1", repo="meta/llama")]
    with pytest.raises(LicenceUnclear, match=r"llama3\.1: this licence needs your explicit word"):
        require_accepted(require_licence(chain), "Llama-My-Model-4bit", ())
    with pytest.raises(LicenceUnclear, match=r"llama3\.1 wants the name"):
        require_accepted(require_licence(chain), "My-Model-4bit", ("llama3.1",))
    require_accepted(require_licence(chain), "Llama-My-Model-4bit", ("llama3.1",))


@pytest.mark.parametrize("quotes", ["“”", '""'])
def test_the_notice_line_is_taken_as_it_is_printed(quotes: str) -> None:
    text = AGREEMENT.format(line=LINE).replace("“", quotes[0]).replace("”", quotes[1])
    assert notice_line(text) == LINE
    assert notice_line(text.replace("Notice", "Remark")) is None


def test_a_notice_of_the_base_goes_before_the_printed_line() -> None:
    texts = {"LICENSE": AGREEMENT.format(line=LINE).encode(), "NOTICE": b"Theirs.\n"}
    assert notices(texts) == ("Theirs.",)
