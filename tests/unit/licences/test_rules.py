"""The licence rules that hold for every release."""

from __future__ import annotations

import pytest

from hubtool.base.source import DeclaredLicence
from hubtool.errors import LicenceForbids, LicenceMissing, LicenceUnclear
from hubtool.licences.declared import label_of
from hubtool.licences.files import is_licence_file
from hubtool.licences.rules import require_licence


def declared(
    *identifiers: str,
    repo: str = "acme/base",
    name: str | None = None,
    link: str | None = None,
    files: tuple[str, ...] = (),
) -> DeclaredLicence:
    return DeclaredLicence(repo, "0" * 40, identifiers, name, link, files)


def test_fields_are_copied() -> None:
    own = declared("other", name="tiny-1", link="https://x/y", files=("LICENSE",))
    terms = require_licence([own])
    assert (terms.identifiers, terms.name, terms.link, terms.files) == (
        ("other",),
        "tiny-1",
        "https://x/y",
        ("LICENSE",),
    )
    assert label_of(terms) == "tiny-1 (other)"


@pytest.mark.parametrize("identifiers", [(), ("unknown",), ("mit", "unknown")])
def test_no_licence_means_no_permission(identifiers: tuple[str, ...]) -> None:
    with pytest.raises(LicenceMissing, match=r"acme/base: README\.md: license"):
        require_licence([declared(*identifiers)])


@pytest.mark.parametrize(
    "bad",
    [
        declared("cc-by-nd-4.0"),
        declared("cc-by-nc-nd-4.0"),
        declared("other", name="Foo No-Derivatives 1"),
        declared("other", name="acme-nd"),
    ],
    ids=lambda bad: bad.name or bad.identifiers[0],
)
def test_no_derivatives_is_refused_wherever_it_stands_in_the_tree(bad: DeclaredLicence) -> None:
    with pytest.raises(LicenceForbids):
        require_licence([bad])
    with pytest.raises(LicenceForbids):
        require_licence([declared("mit"), bad])


def test_other_needs_a_name_a_link_or_a_file() -> None:
    with pytest.raises(LicenceUnclear):
        require_licence([declared("other")])
    require_licence([declared("other", files=("LICENSE",))])


def test_an_ancestor_with_another_licence_binds_as_well() -> None:
    llama = declared("llama3.1", repo="meta/llama")
    terms = require_licence([declared("apache-2.0"), declared("apache-2.0", repo="a/b"), llama])
    assert [other.repo for other in terms.also_bound_by] == ["meta/llama"]


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("LICENSE", True),
        ("LICENSE.md", True),
        ("license-2.0.txt", True),
        ("LICENCE", True),
        ("NOTICE", True),
        ("Notice.txt", True),
        ("USE_POLICY.md", True),
        ("THIRD_PARTY_NOTICES.txt", True),
        ("docs/LICENSE", False),
        ("licensing.py", False),
        ("README.md", False),
        ("config.json", False),
    ],
)
def test_licence_files_are_known_by_name(path: str, is_one: bool) -> None:
    assert is_licence_file(path) is is_one
