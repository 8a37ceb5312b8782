"""The licence: fields as the base declares them, and its files as they were."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from hubtool.base.source import Base
from hubtool.card.compose import CARD_FILE
from hubtool.card.provenance import FILE, LicenceFacts, Provenance
from hubtool.checks.interface import CheckSubject, Finding, verdict
from hubtool.checks.metadata import card_of
from hubtool.errors import RefusedError
from hubtool.licences.declared import DeclaredLicence
from hubtool.licences.families import NOTICE_FILE, family_of
from hubtool.licences.rules import require_licence
from hubtool.licences.texts import path_in_quant
from hubtool.records import hash_file

FINDS = {
    "licence/allowed": "the licence lets derivatives be shared",
    "licence/fields": "the fields are the base's own",
    "licence/files": "the base's licence files are here, byte for byte",
    "licence/notice": "a file named Notice, where a licence asks for it",
    "licence/ancestors": "the texts of ancestors' licences that bind as well",
}


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``licence/*``: nothing widened, nothing left behind."""
    if not (subject.folder / FILE).is_file():
        yield Finding("licence/fields", "skip", f"no {FILE} says which licence the base has")
        return
    provenance = Provenance.of_folder(subject.folder)
    allowed = _allowed(subject, provenance)
    yield allowed
    yield _fields(subject, provenance.licence)
    yield _files(subject, provenance)
    yield _notice(subject, provenance)
    if subject.base is not None and allowed.result == "pass":
        yield from _ancestors(subject.base, provenance)


def _allowed(subject: CheckSubject, provenance: Provenance) -> Finding:
    """By the base's own declarations if they were read, else by the recorded ones."""
    declared = subject.base.licences if subject.base else _recorded(provenance)
    try:
        terms = require_licence(declared)
    except RefusedError as error:
        return Finding("licence/allowed", "fail", error.message, error.remedy)
    return Finding("licence/allowed", "pass", f"{terms.label} lets derivatives be shared")


def _recorded(provenance: Provenance) -> tuple[DeclaredLicence, ...]:
    files = tuple(file.path for file in provenance.licence_files)
    return tuple(
        DeclaredLicence(one.repo, one.revision, one.identifiers, one.name, one.link, files)
        for one in (provenance.licence, *provenance.also_bound_by)
    )


def _fields(subject: CheckSubject, recorded: LicenceFacts) -> Finding:
    """The card's fields are the recorded ones, and these are the base's."""
    data = card_of(subject).data
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
    if subject.base is not None:
        own = subject.base.licences[0]
        theirs = (own.identifiers, own.name, own.link)
        ours = (recorded.identifiers, recorded.name, recorded.link)
        if theirs != ours:
            wrong.append(f"{FILE} says {dataclasses.asdict(recorded)}, the base {theirs}")
    return verdict(
        "licence/fields",
        "; ".join(wrong) or None,
        ", ".join(recorded.identifiers),
        "copy the base's fields: `hubtool card` does",
        CARD_FILE,
    )


def _ancestors(base: Base, provenance: Provenance) -> Iterator[Finding]:
    """A warning for each text of an ancestor that binds and was not to be had (a gate keeps it)."""
    copied = {file.path for file in provenance.licence_files}
    terms = require_licence(base.licences)
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
    """A file named Notice, where a licence of the chain asks the publisher for one."""
    chain = (provenance.licence, *provenance.also_bound_by)
    asking = [one.name or ", ".join(one.identifiers) for one in chain if family_of(one).notice]
    there = any(file.name.lower().startswith("notice") for file in subject.folder.iterdir())
    return verdict(
        "licence/notice",
        f"{asking[0]} asks for a file named {NOTICE_FILE}" if asking and not there else None,
        f"{NOTICE_FILE} is there" if asking else "no licence asks for a Notice",
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
    if subject.base is not None:
        copied = {file.path for file in provenance.licence_files}
        theirs = subject.base.licences[0].files
        wrong += [f"{name} of the base was not copied" for name in theirs if name not in copied]
    return verdict(
        "licence/files",
        "; ".join(wrong) or None,
        f"{len(provenance.licence_files)} licence files, as the base has them",
        "copy them from the base, unchanged",
    )
