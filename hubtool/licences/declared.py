"""What a repo says of its licence, in each of the places where it says it."""

from __future__ import annotations

import dataclasses

HUB_HOME = "https://huggingface.co"  # what published links point to, whichever Hub is spoken to


@dataclasses.dataclass(frozen=True)
class DeclaredLicence:
    """The licence fields of a card's front matter, copied and never interpreted.

    ``identifiers`` is empty if the card names none. ``link`` is absolute.
    ``files`` are the licence and notice files that lie in the repo.
    ``text_families`` and ``prose_families`` are ids of the families that its
    licence texts and the card's own words name; ``choice`` says which was
    chosen where these contradict the fields.
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
