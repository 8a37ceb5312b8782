"""What a base's licence demands of a quant. Fields are copied, never widened, never guessed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from hubtool.errors import LicenceForbids, LicenceMissing, LicenceUnclear
from hubtool.licences.declared import DeclaredLicence, LicenceTerms, label_of
from hubtool.licences.families import families_of

SAYS_NOTHING = "unknown"  # an identifier of the Hub; no licence means no permission
_NO_DERIVATIVES_NAME = re.compile(r"(^|[-_ ])nd([-_ ]|$)|no[-_ ]?deriv", re.IGNORECASE)


def require_licence(licences: Sequence[DeclaredLicence]) -> LicenceTerms:
    """The terms of the base (first) and of its ancestors, nearest first.

    Raises LicenceMissing if the base declares none or ``unknown``,
    LicenceUnclear for ``other`` without a name or link, LicenceForbids if the
    base or any ancestor allows no derivatives.
    """
    base, *ancestors = licences
    if not base.identifiers or SAYS_NOTHING in base.identifiers:
        found = SAYS_NOTHING if base.identifiers else "no licence"
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
    forbids = any(family.redistribute == "no" for family in families_of(declared))
    if forbids or named:
        raise LicenceForbids(
            f"{declared.repo}: license: {label_of(declared)} does not allow derivatives "
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
