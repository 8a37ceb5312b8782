"""The licence: fields as the base declares them, and its files as they were."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.base.lineage import declared_licence
from hubtool.card.compose import CARD_FILE
from hubtool.card.provenance import LicenceFacts, Provenance
from hubtool.checks.interface import CheckSubject, Finding, verdict
from hubtool.checks.metadata import card_of, unreadable
from hubtool.errors import RefusedError
from hubtool.licences.conflict import family_of_text, is_licence_text, settle
from hubtool.licences.declared import DeclaredLicence, LicenceTerms, label_of
from hubtool.licences.families import families_of, name_problem
from hubtool.licences.files import is_licence_file
from hubtool.licences.notices import (
    NOTICE_FILE,
    asks_for_notice,
    is_notice,
    lines_of,
    missing_lines,
)
from hubtool.licences.rules import require_licence
from hubtool.licences.texts import path_in_quant
from hubtool.records import hash_file

FINDS = {
    "licence/allowed": "the licence lets derivatives be shared",
    "licence/text": "the licence texts here are of the licence that the fields name",
    "licence/name": "the quant's name is as the licence wants it",
    "licence/fields": "the fields are the base's own",
    "licence/files": "the base's licence files are here, byte for byte",
    "licence/notice": "a file named Notice with the line that the licence prints",
    "licence/ancestors": "the texts of ancestors' licences that bind as well",
}


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``licence/*``: nothing widened, nothing left behind.

    By what the base declares if that was read, else by what the release recorded, else by the
    card's own fields.
    """
    has_record = (subject.folder / PROVENANCE_FILE).is_file()
    provenance = Provenance.of_folder(subject.folder) if has_record else None
    declared = subject.declared or (_recorded(provenance) if provenance else (_own(subject),))
    terms: LicenceTerms | None = None
    fault = unreadable("licence/allowed", card_of(subject))
    if fault and not (subject.declared or provenance):
        yield fault
        return
    try:
        terms = require_licence(declared)
        yield Finding("licence/allowed", "pass", f"{label_of(terms)} lets derivatives be shared")
    except RefusedError as error:
        yield Finding("licence/allowed", "fail", error.message, error.remedy)
    yield _text(subject, provenance)
    if terms is not None:
        yield _name(subject, provenance, terms)
    if provenance is None:
        yield Finding(
            "licence/fields", "skip", f"no {PROVENANCE_FILE} says which licence the base has"
        )
        return
    yield _fields(subject, provenance.licence)
    yield _files(subject, provenance)
    yield _notice(subject, provenance)
    if subject.declared and terms is not None:
        yield from _ancestors(terms, provenance)


def _recorded(provenance: Provenance) -> tuple[DeclaredLicence, ...]:
    files = tuple(file.path for file in provenance.licence_files)
    return tuple(
        DeclaredLicence(one.repo, one.revision, one.identifiers, one.name, one.link, files)
        for one in (provenance.licence, *provenance.also_bound_by)
    )


def _own(subject: CheckSubject) -> DeclaredLicence:
    """What the quant's own card and licence texts say."""
    names = sorted(file.name for file in subject.folder.iterdir() if file.is_file())
    files = tuple(name for name in names if is_licence_file(name))
    return declared_licence(subject.name, "", card_of(subject).data, files)


def _text(subject: CheckSubject, provenance: Provenance | None) -> Finding:
    """The fields against the texts in the root of the quant, as for a base."""
    if fault := unreadable("licence/text", card_of(subject)):
        return fault
    own = _own(subject)
    texts = {name: _head(subject, name) for name in own.files if is_licence_text(name)}
    if provenance is not None and provenance.licence.choice:
        return Finding("licence/text", "pass", f"a person chose: {provenance.licence.choice}")
    told = {family_of_text(text) for text in texts.values()} - {None}
    own = dataclasses.replace(own, text_families=tuple(sorted(id_ for id_ in told if id_)))
    problem = None
    try:
        settle([own])
    except RefusedError as error:
        problem = error.message
    return verdict(
        "licence/text",
        problem,
        f"{', '.join(texts)} fit the fields" if texts else "there is no licence text to compare",
        "find out which is right; the fields and the texts are the base's",
        CARD_FILE,
    )


def _head(subject: CheckSubject, name: str) -> str:
    return (subject.folder / name).read_bytes()[:100_000].decode("utf-8", "replace")


def _name(subject: CheckSubject, provenance: Provenance | None, terms: LicenceTerms) -> Finding:
    """Under which name it is, or will be, on the Hub."""
    repo = subject.origin.repo if subject.origin else provenance.repo if provenance else None
    if repo is None:
        return Finding("licence/name", "skip", f"no {PROVENANCE_FILE} says which repo this is for")
    problem = name_problem(terms, repo.rpartition("/")[2])
    return verdict(
        "licence/name",
        problem[0] if problem else None,
        f"{repo} may be called so",
        "publish it under another name",
    )


def _fields(subject: CheckSubject, recorded: LicenceFacts) -> Finding:
    """The card's fields are the recorded ones, and these are the base's."""
    card = card_of(subject)
    if fault := unreadable("licence/fields", card):
        return fault
    data = card.data
    wanted: dict[str, Any] = {
        "license": list(recorded.identifiers),
        "license_name": recorded.name,
        "license_link": recorded.link,
    }
    found = {key: data.get(key) for key in wanted}
    if not isinstance(found["license"], list):
        found["license"] = [found["license"]]
    wrong = [
        f"{key} is {found[key]!r}, the base says {value!r}"
        for key, value in wanted.items()
        if found[key] != value
    ]
    if subject.declared and not recorded.choice:
        own = subject.declared[0]
        theirs = (own.identifiers, own.name, own.link)
        ours = (recorded.identifiers, recorded.name, recorded.link)
        if theirs != ours:
            wrong.append(f"{PROVENANCE_FILE} says {label_of(recorded)}, {own.repo} {label_of(own)}")
    return verdict(
        "licence/fields",
        "; ".join(wrong) or None,
        ", ".join(recorded.identifiers),
        "copy the base's fields: `hubtool card` does",
        CARD_FILE,
    )


def _ancestors(terms: LicenceTerms, provenance: Provenance) -> Iterator[Finding]:
    """A warning for each text of an ancestor that binds and was not to be had (a gate keeps it)."""
    copied = {file.path for file in provenance.licence_files}
    for owner in terms.also_bound_by:
        for file in owner.files:
            path = path_in_quant(terms, owner, file)
            if path not in copied:
                yield Finding(
                    "licence/ancestors",
                    "warn",
                    f"{file} of {owner.repo}, whose terms bind as well, was not copied",
                    f"accept that repo's terms with this token, or put the text at {path}",
                    path,
                )


def _notice(subject: CheckSubject, provenance: Provenance) -> Finding:
    """The line of every licence of the chain that asks the publisher for one, in a Notice file."""
    chain = (provenance.licence, *provenance.also_bound_by)
    asking = [one for one in chain if asks_for_notice(one)]
    held = [
        file.read_bytes().decode("utf-8", "replace")
        for file in subject.folder.iterdir()
        if file.is_file() and is_notice(file.name)
    ]
    wrong = []
    for one in asking:
        texts = {
            path: (subject.folder / path).read_bytes()
            for path in one.files
            if (subject.folder / path).is_file()
        }
        label = label_of(one)
        if not "".join(held).strip():
            wrong.append(f"{label} asks for a file named {NOTICE_FILE}")
        elif missing := missing_lines(lines_of(texts), held):
            wrong.append(f"{label} asks for a line that {NOTICE_FILE} does not hold: {missing[0]}")
    return verdict(
        "licence/notice",
        "; ".join(wrong) or None,
        f"{NOTICE_FILE} says what is asked" if asking else "no licence asks for a Notice",
        "render the card again with --base, or write the licence's line into it",
        NOTICE_FILE if asking else "",
    )


def _files(subject: CheckSubject, provenance: Provenance) -> Finding:
    wrong = []
    for file in provenance.licence_files:
        if not (subject.folder / file.path).is_file():
            wrong.append(f"{file.path} is missing")
        elif hash_file(subject.folder, file.path).sha256 != file.sha256:
            wrong.append(f"{file.path} is not as the base has it")
    if subject.declared:
        copied = {file.path for file in provenance.licence_files}
        theirs = subject.declared[0].files
        wrong += [f"{name} of the base was not copied" for name in theirs if name not in copied]
    if not wrong and not any(is_licence_text(file.path) for file in provenance.licence_files):
        asked = [family.id for family in families_of(provenance.licence) if "text" in family.files]
        return Finding(
            "licence/files",
            "warn",
            f"{', '.join(asked)} asks for a copy of its text, and the base has no such file",
            "ask the base's owner for it, or add the text yourself",
        )
    return verdict(
        "licence/files",
        "; ".join(wrong) or None,
        f"{len(provenance.licence_files)} licence files, as the base has them",
        "copy them from the base, unchanged",
    )
