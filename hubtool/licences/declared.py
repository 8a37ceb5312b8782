"""What a repo says of its licence, in each of the places where it says it."""

from __future__ import annotations

import dataclasses
from typing import Protocol

HUB_HOME = "https://huggingface.co"  # what published links point to, whichever Hub is spoken to


@dataclasses.dataclass(frozen=True)
class DeclaredLicence:
    """The licence fields of a card's front matter, copied and never interpreted.

    ``identifiers`` is empty if the card names none. ``link`` is absolute.
    ``files`` are the licence and notice files that lie in the repo.
    ``text_families`` and ``prose_families`` are ids of the families that its
    licence texts and the card's own words name; ``choice`` says which was
    chosen where these contradict the fields. ``unread`` says why nothing of
    this repo could be read.
    """

    repo: str
    revision: str
    identifiers: tuple[str, ...]
    name: str | None
    link: str | None
    files: tuple[str, ...]
    text_families: tuple[str, ...] = ()
    prose_families: tuple[str, ...] = ()
    choice: str | None = None
    unread: str | None = None


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


class Named(Protocol):
    """Whatever carries a licence's identifiers and its name."""

    @property
    def identifiers(self) -> tuple[str, ...]: ...
    @property
    def name(self) -> str | None: ...


def label_of(licence: Named) -> str:
    """How to name it in one word or two: ``apache-2.0``, ``qwen-research (other)``."""
    shown = ", ".join(licence.identifiers)
    return f"{licence.name} ({shown})" if licence.name else shown
