"""What a base's licence demands of a quant. Fields are copied, never widened, never guessed."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from importlib import resources

import yaml

from hubtool.errors import LicenceForbids, LicenceMissing, LicenceUnclear
from hubtool.licences.declared import DeclaredLicence

_NO_DERIVATIVES_NAME = re.compile(r"(^|[-_ ])nd([-_ ]|$)|no[-_ ]?deriv", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class LicenceTerms:
    """One repo's licence as a quant of it must state it. ``link`` is absolute.

    ``also_bound_by`` are the terms of ancestors that declare another licence.
    """

    repo: str
    revision: str
    identifiers: tuple[str, ...]
    name: str | None
    link: str | None
    files: tuple[str, ...]
    choice: str | None = None  # where the repo contradicts itself: what was chosen
    also_bound_by: tuple[LicenceTerms, ...] = ()

    @property
    def label(self) -> str:
        """How to name it in one word or two: ``apache-2.0``, ``qwen-research (other)``."""
        shown = ", ".join(self.identifiers)
        return f"{self.name} ({shown})" if self.name else shown


def require_licence(licences: Sequence[DeclaredLicence]) -> LicenceTerms:
    """The terms of the base (first) and of its ancestors, nearest first.

    Raises LicenceMissing if the base declares none or ``unknown``,
    LicenceUnclear for ``other`` without a name or link, LicenceForbids if the
    base or any ancestor allows no derivatives.
    """
    base, *ancestors = licences
    if not base.identifiers or set(base.identifiers) <= _identifiers("says_nothing"):
        found = base.identifiers[0] if base.identifiers else "no licence"
        raise LicenceMissing(
            f"{base.repo}: README.md: license: found {found}, so nothing may be published from it",
            "ask the base's owner to declare a licence; hubtool never guesses one",
            repo=base.repo,
        )
    for declared in licences:
        _require_derivatives_allowed(declared)
    if "other" in base.identifiers and not (base.name or base.link or base.files):
        raise LicenceUnclear(
            f"{base.repo}: README.md: license is `other` without license_name, license_link or "
            "a LICENSE file",
            "ask the base's owner which licence it is",
            repo=base.repo,
        )
    others = tuple(
        _terms(ancestor)
        for ancestor in ancestors
        if ancestor.identifiers and _key(ancestor) != _key(base)
    )
    return dataclasses.replace(_terms(base), also_bound_by=others)


def _require_derivatives_allowed(declared: DeclaredLicence) -> None:
    named = declared.name if declared.name and _NO_DERIVATIVES_NAME.search(declared.name) else None
    forbidden = sorted(set(declared.identifiers) & _identifiers("no_derivatives"))
    if forbidden or named:
        raise LicenceForbids(
            f"{declared.repo}: license: {named or forbidden[0]} does not allow derivatives "
            "to be shared, and a quant is one",
            "only written permission of the rights holder would change that",
            repo=declared.repo,
        )


def _terms(declared: DeclaredLicence) -> LicenceTerms:
    return LicenceTerms(
        repo=declared.repo,
        revision=declared.revision,
        identifiers=declared.identifiers,
        name=declared.name,
        link=declared.link,
        files=declared.files,
        choice=declared.choice,
    )


def _key(declared: DeclaredLicence) -> tuple[tuple[str, ...], str | None]:
    return declared.identifiers, declared.name


@functools.cache
def _identifiers(group: str) -> frozenset[str]:
    text = resources.files("hubtool.licences").joinpath("licences.yaml").read_text("utf-8")
    return frozenset(yaml.safe_load(text)[group])
