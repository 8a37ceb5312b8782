"""Everything that a release writes around the weights: card, licences, scores, provenance."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from hubtool.artifact.components import ComponentBits
from hubtool.artifact.headers import read_headers, weight_files
from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.artifact.parts import sidecars_among
from hubtool.artifact.stats import stats_of_folder
from hubtool.base.source import Base
from hubtool.card.compose import CARD_FILE, charts_of, decode_card, figures_of, traits_of
from hubtool.card.facts import CardFacts, build_facts
from hubtool.card.provenance import (
    SCORES_FILE,
    BaselineFacts,
    CardWish,
    GitSource,
    LicenceFacts,
    Provenance,
    provenance_of,
    short_scores,
)
from hubtool.card.render import RenderedCard, render_card
from hubtool.card.wording import change_notice
from hubtool.licences.notices import (
    asks_for_notice,
    is_notice,
    lines_of,
    missing_lines,
    notice_path,
)
from hubtool.licences.rules import require_licence
from hubtool.quantize.allocation import Allocation
from hubtool.quantize.optiq_files import write_optiq_files
from hubtool.quantize.sensitivity import Sensitivity
from hubtool.quantize.verification import Verification
from hubtool.records import FileHash, Record, hash_file, write_whole
from hubtool.scores.record import ScoreSet


@dataclasses.dataclass(frozen=True)
class Card(Record):
    """The files around the weights. ``merged_with`` is the sha256 of the remote card laid under.

    ``notes`` say what became of what stood there: edits that were kept, sections taken over.
    """

    schema: ClassVar[int] = 2
    files: tuple[FileHash, ...]
    notes: tuple[str, ...]
    merged_with: str | None


@dataclasses.dataclass(frozen=True)
class CardSources:
    """What is known of a quant besides its bytes; the last seven as far as there are any."""

    base: Base
    wish: CardWish
    sensitivity: Sensitivity | None = None
    allocation: Allocation | None = None
    scores: ScoreSet | None = None
    git: GitSource | None = None
    baseline: BaselineFacts | None = None
    verification: Verification | None = None
    base_sha256: str | None = None  # of the base's weights, where they are at hand


def write_card(
    folder: Path,
    artifact_files: Sequence[str],
    sources: CardSources,
    licence_texts: dict[str, bytes],
    *,
    existing: bytes | None,
) -> Card:
    """Write what belongs around the weights in ``folder``; files of an earlier card are removed.

    ``artifact_files`` are the paths that the weights' stages made; ``licence_texts`` maps the
    base's licence files to their content; ``existing`` is the card that is published now.
    Raises CardMetadataInvalid if that is no UTF-8 text, and what rendering raises.
    """
    _remove_others(folder, artifact_files)
    _write_optiq_files(folder, sources)
    repo = sources.base.target_repo
    text = None if existing is None else decode_card(existing, f"README.md of {repo}")
    page = compose_page(folder, sources, licence_texts, existing=text)
    page.write(folder)
    mine = sorted(_paths(folder) - set(artifact_files))
    return Card(
        files=tuple(hash_file(folder, path) for path in mine),
        notes=page.rendered.notes,
        merged_with=sha256_of(existing),
    )


@dataclasses.dataclass(frozen=True)
class Page:
    """A card that is not written yet, and the records that it rests on."""

    rendered: RenderedCard
    provenance: Provenance
    scores: ScoreSet | None
    licence_texts: dict[str, bytes]
    notice: dict[str, bytes]  # path -> content of the Notice file, where a licence asks for one
    facts: CardFacts
    components: tuple[ComponentBits, ...]

    @property
    def text(self) -> str:
        """README.md, whole."""
        return self.rendered.text

    @property
    def chart_paths(self) -> tuple[str, ...]:
        """Paths of the pictures that belong to the card."""
        charts = (self.facts.width_chart, self.facts.score_chart)
        return tuple(chart.path for chart in charts if chart)

    @property
    def charts(self) -> dict[str, bytes]:
        """Path -> PNG of the pictures that belong to the card, drawn now."""
        return charts_of(self.facts, self.components)

    def write(self, folder: Path) -> None:
        """Lay the card and its records into ``folder``, every file whole; the card comes last."""
        for name, content in self.contents(folder).items():
            write_whole(folder / name, content)

    def contents(self, folder: Path) -> dict[str, bytes]:
        """Path -> content of every file that belongs to the card of ``folder``, the card last."""
        found: dict[str, bytes] = {**self.licence_texts, **self.charts, **self.notice}
        if self.scores is not None:
            found[SCORES_FILE] = self.scores.as_text.encode()
        files = {*_paths(folder), *found, PROVENANCE_FILE, CARD_FILE}
        headers = read_headers(folder, (*weight_files(folder), *sidecars_among(files)))
        provenance = dataclasses.replace(
            self.provenance,
            files=tuple(sorted(files)),
            header_bytes={path: header.header_bytes for path, header in headers.items()},
            scores=short_scores(self.scores),
        )
        return {
            **found,
            PROVENANCE_FILE: provenance.as_text.encode(),
            CARD_FILE: self.text.encode(),
        }


def compose_page(
    folder: Path,
    sources: CardSources,
    licence_texts: dict[str, bytes],
    *,
    existing: str | None,
    overwrite_edited: bool = False,
) -> Page:
    """The card of the quant in ``folder`` for a base that was just resolved; writes nothing."""
    provenance = provenance_of(
        folder,
        sources.base,
        require_licence(sources.base.licences),
        sources.wish,
        licence_files=tuple(
            FileHash(name, len(content), hashlib.sha256(content).hexdigest())
            for name, content in sorted(licence_texts.items())
        ),
        baseline=sources.baseline,
        git=sources.git,
        verification=sources.verification,
    )
    return lay_out(
        folder,
        provenance,
        sources.scores,
        sources.wish,
        licence_texts,
        existing=existing,
        overwrite_edited=overwrite_edited,
    )


def lay_out(
    folder: Path,
    provenance: Provenance,
    scores: ScoreSet | None,
    wish: CardWish,
    licence_texts: dict[str, bytes],
    *,
    existing: str | None,
    overwrite_edited: bool = False,
) -> Page:
    """The card of known provenance, rendered as ``wish`` says into ``existing``."""
    stats = figures_of(folder)
    facts = build_facts(provenance, stats, scores, traits_of(folder))
    rendered = render_card(
        facts,
        template=wish.template,
        brand=wish.brand,
        existing=existing,
        overwrite_edited=overwrite_edited,
    )
    return Page(
        rendered=rendered,
        provenance=provenance,
        scores=scores,
        licence_texts=licence_texts,
        notice=notice_of(facts, wish.notice, licence_texts),
        facts=facts,
        components=stats.components,
    )


def notice_of(
    facts: CardFacts, own: str | None, licence_texts: dict[str, bytes]
) -> dict[str, bytes]:
    """Path -> content of the file with the lines that licences of the chain print for it.

    ``own`` is the line that a manifest gives. Our change notice stands apart from the lines.
    Empty where no licence asks, where the base's own files say it already, and where a card
    is rendered anew without the texts: what is there stays.
    """
    asking = [one for one in (facts.licence, *facts.also_bound_by) if asks_for_notice(one)]
    if not asking or not (licence_texts or own):
        return {}
    given = [own.strip()] if own else []
    printed = [line for one in asking for line in lines_of(_own_texts(one, licence_texts))]
    copied = {path: text.decode("utf-8", "replace") for path, text in licence_texts.items()}
    lines = missing_lines(given or printed, [copied[path] for path in copied if is_notice(path)])
    if not lines:
        return {}
    text = "\n".join((*lines, "", change_notice(facts), ""))
    return {notice_path(licence_texts): text.encode()}


def _own_texts(owner: LicenceFacts, licence_texts: dict[str, bytes]) -> dict[str, bytes]:
    return {path: licence_texts[path] for path in owner.files if path in licence_texts}


def sha256_of(content: bytes | None) -> str | None:
    """Its sha256 (hex), None for nothing."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def _write_optiq_files(folder: Path, sources: CardSources) -> None:
    """mlx-optiq's files for a quant of ours; an imported one keeps those that it came with."""
    if sources.sensitivity is None or sources.allocation is None:
        return
    assert sources.base_sha256 is not None  # who measured or allocated had the weights
    write_optiq_files(
        folder,
        base_repo=sources.base.repo,
        base_revision=sources.base.revision,
        base_sha256=sources.base_sha256,
        sensitivity=sources.sensitivity,
        allocation=sources.allocation,
        stats=stats_of_folder(folder),
        verification=sources.verification,
        rounding=sources.wish.rounding,
    )


def _remove_others(folder: Path, kept: Sequence[str]) -> None:
    for path in _paths(folder) - set(kept):
        (folder / path).unlink()


def _paths(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
