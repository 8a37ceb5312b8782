"""Licence families: what each asks of a quant that is published, as data with its source."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import PurePosixPath
from typing import Protocol

import yaml
from pydantic import BaseModel, ConfigDict

from hubtool.errors import LicenceUnclear
from hubtool.licences.rules import LicenceTerms

NOTICE_FILE = "Notice"
# the line stands in quotation marks, within the sentence that asks for a file named Notice
_NOTICE_LINE = re.compile(r"[\"“”']Notice[\"“”'].{0,300}?[\"“]([^\"“”]{20,600})[\"”]", re.DOTALL)


class Family(BaseModel):
    """One row of ``families.yaml``, whose head says what each field means."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    identifiers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    notice: bool = False
    shown: str | None = None
    starts_with: tuple[str, ...] = ()
    limit: str | None = None
    accept: bool = False
    source: str


UNKNOWN = Family(
    id="unknown", accept=True, source="unverified", limit="Read the licence before use."
)


class Named(Protocol):
    """Whatever carries a licence's identifiers and its name."""

    @property
    def identifiers(self) -> tuple[str, ...]: ...
    @property
    def name(self) -> str | None: ...


def family_of(terms: Named) -> Family:
    """The family of a declaration; :data:`UNKNOWN` for one that is in no row."""
    name = (terms.name or "").lower()
    for family in families():
        if set(terms.identifiers) & set(family.identifiers) or (name and name in family.names):
            return family
    return UNKNOWN


@functools.cache
def families() -> tuple[Family, ...]:
    """Every row, in the order of the file."""
    text = resources.files("hubtool.licences").joinpath("families.yaml").read_text("utf-8")
    return tuple(Family(id=id_, **row) for id_, row in yaml.safe_load(text).items())


def require_accepted(terms: LicenceTerms, quant_name: str, accepted: tuple[str, ...]) -> None:
    """Refuse (LicenceUnclear) a quant that a family of the chain does not let through.

    ``accepted`` are the ids given with ``--accept-licence``; ``quant_name`` is
    the target's name without its organisation.
    """
    for one in (terms, *terms.also_bound_by):
        family = family_of(one)
        label = one.name or ", ".join(one.identifiers)
        if family.accept and not {family.id, label} & set(accepted):
            limit = f" {family.limit}" if family.limit else ""
            raise LicenceUnclear(
                f"{one.repo}: {label}: this licence needs your explicit word.{limit} "
                f"(Obligations read from: {family.source})",
                f"read it ({one.link or 'the LICENSE file of the repo'}), then add "
                f"--accept-licence {label}",
                licence=label,
            )
        if family.starts_with and not quant_name.lower().startswith(
            tuple(prefix.lower() for prefix in family.starts_with)
        ):
            raise LicenceUnclear(
                f"{quant_name}: {label} wants the name of a derivative to start with "
                f"{' or '.join(family.starts_with)}",
                f"choose --name {family.starts_with[0]}-{quant_name}",
            )


def asks_for_notice(terms: LicenceTerms) -> bool:
    """Whether a licence of the chain wants a file named Notice."""
    return any(family_of(one).notice for one in (terms, *terms.also_bound_by))


def missing_notice(terms: LicenceTerms, licence_texts: Mapping[str, bytes]) -> str | None:
    """The licence whose Notice line is nowhere to be taken from; None if all is there.

    ``licence_texts`` maps the base's licence files to their content.
    """
    for one in (terms, *terms.also_bound_by):
        if family_of(one).notice and not notices(licence_texts):
            return one.name or ", ".join(one.identifiers)
    return None


def notices(licence_texts: Mapping[str, bytes]) -> tuple[str, ...]:
    """The lines for a file named Notice: the base's own such file, else what its licence prints."""
    named = [
        text
        for name, text in licence_texts.items()
        if PurePosixPath(name).name.lower().startswith("notice")
    ]
    if named:
        return tuple(text.decode("utf-8", "replace").strip() for text in named)
    lines = (notice_line(text.decode("utf-8", "replace")) for text in licence_texts.values())
    return tuple(dict.fromkeys(line for line in lines if line))


def notice_line(licence_text: str) -> str | None:
    """The line that an agreement wants in a file named Notice, as it prints it, else None."""
    match = _NOTICE_LINE.search(licence_text)
    return " ".join(match[1].split()) if match else None
