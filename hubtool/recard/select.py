"""Which repos a recard may touch: quants of the named organisation or list, and of these ours."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.errors import HubtoolError, HubUnreachable, NotSignedIn

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient

Maker = Literal["hubtool", "mlx-optiq", "named"]

# what one row of a listing tells, so that less has to be asked of each repo
FIELDS = ("sha", "siblings", "cardData", "config", "safetensors")
LIST_FROM = 20  # so many named repos of one owner are looked up in one listing
OPTIQ_FILES = ("optiq/metadata.json", "optiq_metadata.json")


@dataclasses.dataclass(frozen=True)
class Row:
    """A model repo as a listing shows it, at the head of main.

    ``config`` is what the Hub repeats of config.json; ``counted`` the
    parameters that the Hub counts, by safetensors dtype (``U32``: packed
    weights, as the weights they stand for).
    """

    repo: str
    commit: str
    files: tuple[str, ...]
    card: dict[str, Any]
    config: dict[str, Any]
    counted: dict[str, int]

    @property
    def maker(self) -> Maker | None:
        """Who made the quant, by the metadata that lies in the repo."""
        if PROVENANCE_FILE in self.files:
            return "hubtool"
        return "mlx-optiq" if any(name in self.files for name in OPTIQ_FILES) else None


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A repo that is left as it is, and why. ``kind``: ``not ours``, or ``skipped``."""

    repo: str
    reason: str
    kind: Literal["not ours", "skipped"] = "skipped"


@dataclasses.dataclass(frozen=True)
class Selection:
    """What was asked for. ``repos`` are named one by one and need no metadata of a known maker."""

    org: str | None = None
    match: str | None = None
    repos: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A repo that may be re-carded."""

    row: Row
    maker: Maker


def select(hub: HubClient, wanted: Selection) -> Iterator[Candidate | Skipped]:
    """Every repo of the selection, as the Hub lists them: one to look at, or why it is left.

    The listing is streamed. Ownership is the repo's own name, never who committed
    to it: with an organisation, a named repo of somebody else is left as well, and
    a repo that goes by another name now is not followed.
    """
    named = dict.fromkeys(wanted.repos)
    for row in hub.models_of(wanted.org, FIELDS) if wanted.org else ():
        if row.id in named or _matches(row.id, wanted.match):
            yield judged(row_of(row), wanted, named=row.id in named)
        named.pop(row.id, None)
    if not wanted.org:
        yield from _listed(hub, wanted, named)
    for repo in named:
        yield _one(hub, wanted, repo)


def _listed(
    hub: HubClient, wanted: Selection, named: dict[str, None]
) -> Iterator[Candidate | Skipped]:
    """Those of owners of whom many are named: their listings; what was found leaves ``named``."""
    owners = Counter(repo.split("/")[0] for repo in named)
    for owner in [name for name, count in owners.items() if count >= LIST_FROM]:
        for row in hub.models_of(owner, FIELDS):
            if row.id in named:
                yield judged(row_of(row), wanted, named=True)
                del named[row.id]


def _one(hub: HubClient, wanted: Selection, repo: str) -> Candidate | Skipped:
    """A named repo that no listing has shown."""
    if wanted.org and not _same(repo.split("/")[0], wanted.org):
        return _not_of(wanted.org, repo)
    try:
        found = row_of(hub.model_row(repo, FIELDS))
    except (HubUnreachable, NotSignedIn):
        raise
    except HubtoolError as error:
        return Skipped(repo, error.message)
    if found.repo != repo:
        return Skipped(repo, f"it is called {found.repo} now: name it so", "not ours")
    return judged(found, wanted, named=True)


def _same(one: str, other: str) -> bool:
    """Whether two names are of one owner: the Hub does not tell upper from lower case."""
    return one.casefold() == other.casefold()


def judged(row: Row, wanted: Selection, *, named: bool) -> Candidate | Skipped:
    """Whether a repo may be touched, by its owner and by who made it."""
    if wanted.org and not _same(row.repo.split("/")[0], wanted.org):
        return _not_of(wanted.org, row.repo)
    maker = row.maker or ("named" if named else None)
    if maker is None:
        reason = "neither hubtool nor mlx-optiq made it; --repo names it all the same"
        return Skipped(row.repo, reason, "not ours")
    return Candidate(row, maker)


def _not_of(org: str, repo: str) -> Skipped:
    return Skipped(repo, f"it does not belong to {org}: name it without --org", "not ours")


def row_of(info: Any) -> Row:
    """The row of the client's ``ModelInfo``."""
    counted = getattr(info.safetensors, "parameters", None) or {}
    card = info.card_data.to_dict() if info.card_data else {}
    return Row(
        repo=info.id,
        commit=str(info.sha),
        files=tuple(sibling.rfilename for sibling in info.siblings or ()),
        card=card,
        config=dict(info.config or {}),
        counted=dict(counted),
    )


def _matches(repo: str, pattern: str | None) -> bool:
    name = repo.split("/")[-1]
    return pattern is None or fnmatch.fnmatchcase(repo if "/" in pattern else name, pattern)
