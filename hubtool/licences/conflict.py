"""Where a repo says two things about its licence: nothing goes on until a person chose one.

A card's ``license``, the text in its LICENSE file and the prose under a heading
such as "License" are read apart. They agree if the declared family is among
those that the text, and those that the prose, names.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from hubtool.errors import LicenceForbids, LicenceUnclear
from hubtool.licences.declared import HUB_HOME, DeclaredLicence
from hubtool.licences.families import UNKNOWN, Family, families, family_of

HEAD_CHARACTERS = 3_000  # a licence names itself at its top; further down others are quoted
NO_DERIVATIVES = "no-derivatives"

_NO_DERIVATIVES_TITLE = re.compile(r"Attribution-(NonCommercial-)?NoDerivatives", re.IGNORECASE)
_TEXT_FILE = re.compile(r"(licen[cs]e|copying)", re.IGNORECASE)
_HEADING = re.compile(r"#{1,6} ")
_LICENCE_HEADING = re.compile(r"#{1,6} .*\blicen[cs](e|ing)\b", re.IGNORECASE)


def is_licence_text(path: str) -> bool:
    """Whether the file holds a licence itself, not a notice or a policy."""
    return _TEXT_FILE.match(path) is not None


def family_of_text(text: str) -> str | None:
    """Id of the family whose title stands first in a LICENSE file; None if none is known.

    ``no-derivatives`` stands for all licences that forbid a quant.
    """
    head = " ".join(text[:HEAD_CHARACTERS].split())
    found = [
        (match.start(), -len(match[0]), id_)
        for id_, pattern in _titles()
        if (match := pattern.search(head))
    ]
    return min(found)[2] if found else None


def families_of_prose(card_body: str) -> tuple[str, ...]:
    """Ids of the families that a card names under its licence headings, by title or identifier."""
    text = _licence_sections(card_body)
    if not text:
        return ()
    found = {id_ for id_, pattern in _titles() if pattern.search(text)}
    found |= {family.id for family in families() if _names(family, text)}
    return tuple(sorted(found))


def settle(
    licences: Sequence[DeclaredLicence], accepted: Sequence[str] = ()
) -> tuple[DeclaredLicence, ...]:
    """The declarations, each without contradiction or with the choice that ``accepted`` makes.

    Raises LicenceUnclear that shows both sides, and LicenceForbids for a text
    that lets nobody share derivatives.
    """
    return tuple(_settled(one, accepted) for one in licences)


def _settled(one: DeclaredLicence, accepted: Sequence[str]) -> DeclaredLicence:
    if NO_DERIVATIVES in (*one.text_families, *one.prose_families):
        raise LicenceForbids(
            f"{one.repo}: its licence text allows no derivatives to be shared, and a quant is one",
            "only written permission of the rights holder would change that",
            repo=one.repo,
        )
    declared = family_of(one)
    label = one.name or ", ".join(one.identifiers)
    for where, found in (
        ("its licence text is", one.text_families),
        ("its own words name", one.prose_families),
    ):
        if not found or declared.id in found or not one.identifiers:
            continue
        said = f"{one.repo}: the card declares {label}, {where} {' and '.join(found)}"
        if label in accepted or (declared is not UNKNOWN and declared.id in accepted):
            return dataclasses.replace(one, choice=f"{said}; published as {label}")
        chosen = next((id_ for id_ in found if id_ in accepted), None)
        if chosen is None:
            raise LicenceUnclear(
                said,
                f"read both, then choose: --accept-licence {found[0]}, or --accept-licence {label}",
                repo=one.repo,
            )
        return dataclasses.replace(_as(one, chosen), choice=f"{said}; published as {chosen}")
    return one


def _as(one: DeclaredLicence, id_: str) -> DeclaredLicence:
    """The declaration of another family; its address is the text in the repo, if there is one."""
    family = next(family for family in families() if family.id == id_)
    texts = [path for path in one.files if is_licence_text(path)]
    address = f"{HUB_HOME}/{one.repo}/blob/{one.revision}/{texts[0]}" if texts else None
    return dataclasses.replace(
        one,
        identifiers=family.identifiers[:1] or ("other",),
        name=None if family.identifiers else family.names[0],
        link=address,
    )


def _licence_sections(body: str) -> str:
    """The text below every heading about a licence, in one line."""
    lines: list[str] = []
    inside = False
    for line in body.splitlines():
        if _HEADING.match(line):
            inside = _LICENCE_HEADING.match(line) is not None
        elif inside:
            lines.append(line)
    return " ".join(" ".join(lines).split())


def _titles() -> Iterable[tuple[str, re.Pattern[str]]]:
    yield NO_DERIVATIVES, _NO_DERIVATIVES_TITLE
    for family in families():
        for title in family.titles:
            yield family.id, re.compile(title, re.IGNORECASE)


def _names(family: Family, text: str) -> bool:
    words = (*family.identifiers, *family.names)
    return any(
        re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-]|\.\w)", text, re.IGNORECASE)
        for word in words
    )
