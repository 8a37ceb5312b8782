"""The card of a quant folder outside of a release: rendered anew, or for the first time."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.base.source import resolve_base
from hubtool.card.compose import CARD_FILE, scores_in
from hubtool.card.provenance import FILE, CardWish, Provenance
from hubtool.card.templates import brand_sha256, template_sha256
from hubtool.card.write import CardSources, Page, compose_page, lay_out
from hubtool.console import SILENT, Console
from hubtool.errors import PathNotFound
from hubtool.licences.rules import require_licence
from hubtool.scores.readers.interface import read_scores

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient


def recompose(folder: Path, *, scores_file: Path | None, template: str, brand: str) -> Page:
    """The card of a folder that has its provenance, from the facts of now. Writes nothing.

    Raises PathNotFound if ``optiq/release.json`` is missing, and what rendering raises.
    """
    if not (folder / FILE).is_file():
        raise PathNotFound(
            f"{folder} has no {FILE}, which says what it was made from",
            "name its base and its repo with --base and --repo",
        )
    provenance = Provenance.of_folder(folder)
    wish = _wish(template, brand, provenance.drafter, provenance.baseline)
    provenance = dataclasses.replace(
        provenance,
        template=Path(template).name,
        template_sha256=wish.template_sha256,
        brand=Path(brand).name,
    )
    scores = read_scores(scores_file) if scores_file else scores_in(folder)
    return lay_out(folder, provenance, scores, wish, {}, existing=_existing(folder))


def compose_for(
    folder: Path,
    *,
    hub: HubClient,
    base_repo: str,
    target_repo: str,
    scores_file: Path | None,
    template: str,
    brand: str,
    console: Console = SILENT,
) -> Page:
    """The card of a quant of ``base_repo``, whose licence is read from the Hub. Writes nothing.

    No weights are downloaded. Raises what resolving the base and its licence raises.
    """
    base = resolve_base(hub, base_repo, None, target_repo, console)
    texts = {}
    for name in require_licence(base.licences).files:
        content = hub.read_bytes(base.repo, name, base.revision)
        if content is not None:
            texts[name] = content
    sources = CardSources(
        base=base,
        wish=_wish(template, brand, None, None),
        scores=read_scores(scores_file) if scores_file else scores_in(folder),
    )
    return compose_page(folder, sources, texts, existing=_existing(folder))


def _wish(template: str, brand: str, drafter: str | None, baseline: str | None) -> CardWish:
    return CardWish(
        template, template_sha256(template), brand, brand_sha256(brand), drafter, baseline
    )


def _existing(folder: Path) -> bytes | None:
    card = folder / CARD_FILE
    return card.read_bytes() if card.is_file() else None
