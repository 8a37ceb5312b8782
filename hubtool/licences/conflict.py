"""Where a repo says two things about its licence: nothing goes on until a person chose one.

A card's ``license``, the text in its LICENSE file and the prose under a heading
such as "License", or after the word "License:", are read apart. They agree if
every declared family is among those that the text, and those that the prose,
names.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence

from hubtool.errors import LicenceForbids, LicenceUnclear
from hubtool.licences.declared import HUB_HOME, DeclaredLicence, label_of
from hubtool.licences.families import Family, families, families_of, is_known

HEAD_CHARACTERS = 3_000  # a licence names itself at its top; further down others are quoted
NO_KNOWN_TEXT = "a text of no known licence"

_TEXT_FILE = re.compile(r"(licen[cs]e|copying)", re.IGNORECASE)
_HEADING = re.compile(r"#{1,6} ")
_UNDERLINE = re.compile(r"(=+|-+)[ \t]*$")  # below a heading of Markdown's other kind
_LICENCE_WORDS = re.compile(r"\b(licen[cs](e|ing)|terms of use)\b", re.IGNORECASE)
# "License: X" at the start of a line or a list item, in bold or not
_LICENCE_LINE = re.compile(
    r"^[\s>*+-]*[*_]*licen[cs]e(?:\(s\)|s)?[*_]*\s*[:：][*_]*\s*(\S.*)$", re.IGNORECASE
)


def is_licence_text(path: str) -> bool:
    """Whether the file holds a licence itself, not a notice or a policy."""
    return _TEXT_FILE.match(path) is not None


def family_of_text(text: str) -> str | None:
    """Id of the family whose title stands first in a LICENSE file; None if none is known."""
    head = " ".join(text[:HEAD_CHARACTERS].split())
    found = [
        (match.start(), -len(match[0]), id_)
        for id_, pattern in _titles()
        if (match := pattern.search(head))
    ]
    return min(found)[2] if found else None


def families_of_prose(card_body: str) -> tuple[str, ...]:
    """Ids of the families that a card names where it speaks of its licence.

    By title, by identifier or as people say it.
    """
    text = _licence_sections(card_body)
    if not text:
        return ()
    found = {id_ for id_, pattern in (*_titles(), *_spoken()) if pattern.search(text)}
    found |= {family.id for family in families() if _names(family, text)}
    return tuple(sorted(found))


def settle(
    licences: Sequence[DeclaredLicence], accepted: Sequence[str] = ()
) -> tuple[DeclaredLicence, ...]:
    """The declarations, each without contradiction or with the choice that ``accepted`` makes.

    Raises LicenceUnclear that shows both sides, or that names an ancestor
    whose licence could not be read, and LicenceForbids for a text that lets
    nobody share derivatives.
    """
    return tuple(_settled(one, accepted) for one in licences)


def contradiction(one: DeclaredLicence) -> tuple[str, tuple[str, ...]] | None:
    """(both sides in words, ids of the families that speak against the fields), None for none."""
    declared = {family.id for family in families_of(one)}
    for where, found in (
        ("its licence text is", one.text_families),
        ("its own words name", one.prose_families),
    ):
        if not found or not one.identifiers or declared <= set(found):
            continue
        if declared & set(found) and len(declared) > 1:
            continue  # of several licences, one is told here
        if set(found) == {NO_KNOWN_TEXT} and not all(map(is_known, families_of(one))):
            continue  # it asks for a word as it is
        said = f"{one.repo}: the card declares {label_of(one)}, {where} {' and '.join(found)}"
        return said, tuple(id_ for id_ in found if id_ != NO_KNOWN_TEXT)
    return None


def _settled(one: DeclaredLicence, accepted: Sequence[str]) -> DeclaredLicence:
    if one.unread is not None and one.repo not in accepted:
        raise LicenceUnclear(
            f"the licence of the ancestor {one.repo} could not be read: {one.unread}; its terms "
            "may bind this quant as well",
            f"read it on its page, or say that you did: --accept-licence {one.repo}",
            repo=one.repo,
        )
    forbidding = {family.id for family in families() if family.redistribute == "no"}
    if forbidding & {*one.text_families, *one.prose_families}:
        raise LicenceForbids(
            f"{one.repo}: its licence text allows no derivatives to be shared, and a quant is one",
            "only written permission of the rights holder would change that",
            repo=one.repo,
        )
    against = contradiction(one)
    if against is None:
        return one
    said, others = against
    label = one.name or ", ".join(one.identifiers)
    own = {label, *(family.id for family in families_of(one) if is_known(family))}
    if own & set(accepted):
        return dataclasses.replace(one, choice=f"{said}; published as {label}")
    chosen = next((id_ for id_ in others if id_ in accepted), None)
    if chosen is None:
        words = [*others[:1], label]
        raise LicenceUnclear(
            said,
            "read both, then choose: "
            + ", or ".join(f"--accept-licence {_quoted(word)}" for word in words),
            repo=one.repo,
        )
    return dataclasses.replace(_as(one, chosen), choice=f"{said}; published as {chosen}")


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


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
    """The text below every heading about a licence and of every licence line, in one line."""
    lines: list[str] = []
    inside = False
    before = ""
    for line in body.splitlines():
        under = before if _UNDERLINE.fullmatch(line) and before.strip() else ""
        if _HEADING.match(line) or under:
            inside = _LICENCE_WORDS.search(under or line) is not None
        elif inside:
            lines.append(line)
        elif told := _LICENCE_LINE.match(line):
            lines.append(told[1])
        before = line
    return " ".join(" ".join(lines).split())


@functools.cache
def _titles() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(_patterns("titles"))


@functools.cache
def _spoken() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(_patterns("spoken"))


def _patterns(field: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    for family in families():
        for pattern in getattr(family, field):
            yield family.id, re.compile(pattern, re.IGNORECASE)


def _names(family: Family, text: str) -> bool:
    words = (*family.identifiers, *family.names)
    return any(
        re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-]|\.\w)", text, re.IGNORECASE)
        for word in words
    )
