"""Card: facts to the page, with licence files, scores and provenance beside it."""

from __future__ import annotations

from pathlib import Path

from hubtool.artifact.identity import weights_sha256
from hubtool.artifact.layout import Artifact
from hubtool.base.source import Base, Snapshot
from hubtool.card.baseline import baseline_facts
from hubtool.card.compose import CARD_FILE
from hubtool.card.provenance import CardWish, made
from hubtool.card.templates import brand_sha256, template_sha256
from hubtool.card.write import Card, CardSources, sha256_of, write_card
from hubtool.errors import PathNotFound
from hubtool.hub.client import HubClient
from hubtool.licences.rules import require_licence
from hubtool.licences.texts import licence_texts
from hubtool.quantize.allocation import Allocation
from hubtool.quantize.sensitivity import Sensitivity
from hubtool.quantize.verification import Verification
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.pipeline import files_intact
from hubtool.release.stage import Context, Stage
from hubtool.scores.record import ScoreSet


class WriteCard(Stage[CardWish, Card]):
    """Base, Artifact, what was measured and scored -> Card, laid into the published card."""

    name, title = "card", "Writing the card"
    reads = (Base, Snapshot, Artifact, Sensitivity, Allocation, Verification, ScoreSet)
    follows_tag = True
    writes = Card

    def options(self, manifest: ReleaseManifest) -> CardWish:
        return CardWish(
            template=manifest.card.template,
            template_sha256=template_sha256(manifest.card.template),
            brand=manifest.card.brand,
            brand_sha256=brand_sha256(manifest.card.brand),
            drafter=manifest.drafter,
            baseline=manifest.baseline,
            model_index=manifest.card.model_index,
            notice=_notice(manifest.notice),
            rounding=manifest.quantize.rounding,
        )

    def run(self, context: Context, want: CardWish) -> Card:
        base, artifact = context.get(Base), context.get(Artifact)
        scores = context.find(ScoreSet)
        against = want.baseline or (scores.baseline_repo if scores else None)
        card = write_card(
            context.work.root / artifact.folder,
            [file.path for file in artifact.files],
            CardSources(
                base=base,
                wish=want,
                sensitivity=context.find(Sensitivity),
                allocation=context.find(Allocation),
                verification=made(context.find(Verification)),
                base_sha256=weights_sha256(context.work.root / context.get(Snapshot).folder),
                scores=scores,
                git=context.git,
                baseline=baseline_facts(context.hub, against, context.console)
                if against and scores
                else None,
            ),
            licence_texts(
                context.hub,
                require_licence(base.licences),
                context.console,
                base_folder=context.work.root / context.get(Snapshot).folder,
            ),
            existing=_published_card(context.hub, base.target_repo),
        )
        for note in card.notes:
            context.console.warn(note)
        return card

    def intact(self, context: Context, record: Card) -> bool:
        """Also ask whether a person changed the published card since."""
        if not files_intact(context.work.quant, record.files):
            return False
        published = _published_card(context.hub, context.get(Base).target_repo)
        ours = (context.work.quant / CARD_FILE).read_bytes()
        return sha256_of(published) in (record.merged_with, sha256_of(ours))


def _notice(file: str | None) -> str | None:
    if file is None:
        return None
    if not Path(file).is_file():
        raise PathNotFound(f"no file at {file}", "check the path after --notice")
    return Path(file).read_text(encoding="utf-8")


def _published_card(hub: HubClient, repo: str) -> bytes | None:
    head = hub.head(repo)
    return hub.read_bytes(repo, CARD_FILE, head) if head else None
