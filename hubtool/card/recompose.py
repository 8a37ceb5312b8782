"""The card of a quant folder outside of a release: rendered anew, or for the first time."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.base.source import resolve_base
from hubtool.card.baseline import baseline_facts
from hubtool.card.compose import CARD_FILE, read_card, scores_in
from hubtool.card.provenance import BaselineFacts, CardWish, Provenance
from hubtool.card.templates import brand_sha256, template_sha256
from hubtool.card.write import CardSources, Page, compose_page, lay_out
from hubtool.console import SILENT, Console
from hubtool.errors import JournalUnreadable, PathNotFound
from hubtool.licences.conflict import settle
from hubtool.licences.families import require_accepted, require_name
from hubtool.licences.rules import require_licence
from hubtool.licences.texts import licence_texts
from hubtool.quantize.optiq_files import read_verification
from hubtool.scores.record import ScoreSet

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient


FIRST_LOOK = "optiq"


@dataclasses.dataclass(frozen=True)
class Look:
    """How a card is to be rendered: names of shipped looks or paths; whether edits are kept.

    None is what the folder's card was rendered with; for a first card ``optiq``.
    A record of somebody else's repo says that too: it names a look, and no path.
    """

    template: str | None = None
    brand: str | None = None
    overwrite_edited: bool = False

    def of(self, provenance: Provenance | None) -> tuple[str, str]:
        """(template, brand)."""
        if provenance is None:
            return self.template or FIRST_LOOK, self.brand or FIRST_LOOK
        known = Path(provenance.template).name, Path(provenance.brand).name
        return self.template or known[0], self.brand or known[1]


def recompose(
    folder: Path,
    look: Look,
    scores: ScoreSet | None = None,
    baseline: BaselineFacts | None = None,
) -> Page:
    """The card of a folder that has its provenance, from the facts of now. Writes nothing.

    ``scores`` replace those that the folder carries, ``baseline`` the quant
    that they are compared with. Raises PathNotFound if ``optiq/release.json``
    is missing, and what rendering raises.
    """
    if not (folder / PROVENANCE_FILE).is_file():
        raise PathNotFound(
            f"{folder} has no {PROVENANCE_FILE}, which says what it was made from",
            "name its base and its repo with --base and --repo",
        )
    provenance = Provenance.of_folder(folder)
    if baseline is not None:
        provenance = dataclasses.replace(
            provenance, baseline=baseline.repo, baseline_facts=baseline
        )
    wish = _wish(look.of(provenance), provenance)
    provenance = dataclasses.replace(
        provenance,
        template=Path(wish.template).name,
        template_sha256=wish.template_sha256,
        brand=Path(wish.brand).name,
        verification=read_verification(folder) or provenance.verification,
    )
    return lay_out(
        folder,
        provenance,
        scores or scores_in(folder),
        wish,
        {},
        existing=_existing(folder),
        overwrite_edited=look.overwrite_edited,
    )


def compose_for(
    folder: Path,
    look: Look,
    scores: ScoreSet | None = None,
    *,
    hub: HubClient,
    base_repo: str,
    target_repo: str,
    baseline: str | None = None,
    accepted_licences: tuple[str, ...] = (),
    console: Console = SILENT,
) -> Page:
    """The card of a quant of ``base_repo``, whose licence is read from the Hub. Writes nothing.

    No weights are downloaded. Raises what resolving the base and its licence raises.
    """
    base = resolve_base(hub, base_repo, None, target_repo, console)
    base = dataclasses.replace(base, licences=settle(base.licences, accepted_licences))
    terms = require_licence(base.licences)
    require_accepted(terms, accepted_licences)
    require_name(terms, target_repo.split("/")[1])
    texts = licence_texts(hub, terms, console)
    scores = scores or scores_in(folder)
    known = _known(folder, console)
    against = baseline or (scores.baseline_repo if scores else None)
    against = against or (known.baseline if known else None)
    sources = CardSources(
        base=base,
        wish=dataclasses.replace(_wish(look.of(known), known), baseline=against),
        scores=scores,
        baseline=baseline_facts(hub, against, console) if against else None,
    )
    return compose_page(
        folder,
        sources,
        texts,
        existing=_existing(folder),
        overwrite_edited=look.overwrite_edited,
    )


def _wish(look: tuple[str, str], known: Provenance | None) -> CardWish:
    """What was asked of the card before, in this look."""
    template, brand = look
    return CardWish(
        template,
        template_sha256(template),
        brand,
        brand_sha256(brand),
        drafter=known.drafter if known else None,
        baseline=known.baseline if known else None,
        model_index=known.model_index if known else False,
    )


def _existing(folder: Path) -> str | None:
    card = folder / CARD_FILE
    return read_card(card) if card.exists() else None


def _known(folder: Path, console: Console) -> Provenance | None:
    """What the folder's record says; a damaged one is warned about: it is written anew."""
    if not (folder / PROVENANCE_FILE).is_file():
        return None
    try:
        return Provenance.of_folder(folder)
    except JournalUnreadable as error:
        console.warn(f"{error.message}; it is written anew")
        return None
