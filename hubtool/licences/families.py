"""Licence families: what each asks of a quant that is published, as data with its source."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from hubtool.errors import LicenceUnclear
from hubtool.licences.declared import LicenceTerms, Named, label_of

OTHER = "other"  # the Hub's identifier for all that has a name and a link instead


class Family(BaseModel):
    """One row of ``licences.yaml``, whose head says what each field means."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    identifiers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    redistribute: Literal["yes", "limited", "ask", "no"] = "yes"
    files: tuple[Literal["text", "notice"], ...] = ("text",)
    shown: str | None = None
    starts_with: tuple[str, ...] = ()
    limit: str | None = None
    accept: bool = False
    verified: bool = True
    source: str

    @property
    def notice(self) -> bool:
        """Whether the licence wants a file named Notice."""
        return "notice" in self.files

    @model_validator(mode="after")
    def _asks_where_nobody_read(self) -> Family:
        if not (self.verified or self.accept):
            raise ValueError(f"{self.id} is not verified, so it needs `accept`")
        return self


def families_of(terms: Named) -> tuple[Family, ...]:
    """The families of a declaration, one for each licence that it lists, in its order.

    An identifier, or a name beside ``other``, that is in no row makes a family
    of its own that nobody has read. Several licences bind together: which part
    of a repo each covers is not for a program to say.
    """
    found = [_by_identifier(one) or _unread(one) for one in terms.identifiers if one != OTHER]
    named = _by_name(terms.name or "")
    if named is None and OTHER in terms.identifiers:
        named = _unread(terms.name or OTHER)
    return tuple(dict.fromkeys([*found, *([named] if named else [])]))


def is_known(family: Family) -> bool:
    """Whether it is a row of ours."""
    return family in families()


@functools.cache
def families() -> tuple[Family, ...]:
    """Every row, in the order of the file."""
    text = resources.files("hubtool.licences").joinpath("licences.yaml").read_text("utf-8")
    return tuple(Family(id=id_, **row) for id_, row in yaml.safe_load(text).items())


def require_accepted(terms: LicenceTerms, accepted: tuple[str, ...]) -> None:
    """Refuse (LicenceUnclear) what a family of the chain lets through with a person's word only.

    ``accepted`` are given with ``--accept-licence``: the id of a family, or what the repo calls it.
    """
    for one in (terms, *terms.also_bound_by):
        for family in families_of(one):
            words = _words_for(family, one)
            if not family.accept or set(words) & set(accepted):
                continue
            limit = f" {family.limit}" if family.limit else ""
            raise LicenceUnclear(
                f"{one.repo}: {words[0]}: this licence needs your explicit word.{limit} "
                f"(Obligations read from: {family.source})",
                f"read it ({one.link or 'the LICENSE file of the repo'}), then add "
                f"--accept-licence {words[0]}",
                licence=words[0],
            )


def name_problem(terms: LicenceTerms, quant_name: str) -> tuple[str, str] | None:
    """(problem, remedy) where a licence wants another name for the quant (without organisation)."""
    for one in (terms, *terms.also_bound_by):
        for family in families_of(one):
            starts = tuple(prefix.lower() for prefix in family.starts_with)
            if starts and not quant_name.lower().startswith(starts):
                return (
                    f"{quant_name}: {label_of(one)} wants the name of a derivative to start with "
                    f"{' or '.join(family.starts_with)}",
                    f"choose --name {family.starts_with[0]}-{quant_name}",
                )
    return None


def require_name(terms: LicenceTerms, quant_name: str) -> None:
    """Refuse (LicenceUnclear) a quant's name that a licence of the chain wants otherwise."""
    if problem := name_problem(terms, quant_name):
        raise LicenceUnclear(*problem)


def _words_for(family: Family, one: Named) -> tuple[str, ...]:
    """What may stand after ``--accept-licence`` for a family of ``one``; the first is shown."""
    by_name = one.name if one.name and family in (_by_name(one.name), _unread(one.name)) else None
    listed = [id_ for id_ in one.identifiers if id_ in family.identifiers]
    return tuple(word for word in (by_name, *listed, family.id) if word)


def _by_identifier(identifier: str) -> Family | None:
    return next((one for one in families() if identifier in one.identifiers), None)


def _by_name(name: str) -> Family | None:
    return next((one for one in families() if name and name.lower() in one.names), None)


def _unread(name: str) -> Family:
    return Family(
        id=name,
        accept=True,
        verified=False,
        redistribute="ask",
        source="unverified",
        limit="Read the licence before use.",
    )
