"""What re-carding one repo would change, worked out from facts without weights."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.card.compose import CARD_FILE, charts_of, with_charts
from hubtool.card.facts import CardFacts, build_facts
from hubtool.card.frontmatter import split_card
from hubtool.card.metadata import LICENCE_KEYS, build_metadata
from hubtool.card.metadata_rules import metadata_problems
from hubtool.card.provenance import Provenance, short_scores
from hubtool.card.recompose import Look
from hubtool.card.render import RenderedCard, escape_markdown, render_card
from hubtool.card.templates import template_sha256
from hubtool.card.write import notice_of
from hubtool.errors import (
    CardMetadataInvalid,
    HubtoolError,
    HubUnreachable,
    NotSignedIn,
    PathNotFound,
    StatsDisagree,
)
from hubtool.licences.notices import missing_lines
from hubtool.recard.change import FileChange, RepoPlan, Wish
from hubtool.recard.describe import changes_of
from hubtool.recard.legacy import legacy_provenance
from hubtool.recard.select import Candidate, Skipped

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient
    from hubtool.recard.licence import FoundLicence, Licences
    from hubtool.recard.read import RemoteQuant

LICENCE_BLOCK = "license"


def plan_repo(
    hub: HubClient,
    candidate: Candidate,
    quant: RemoteQuant,
    wish: Wish,
    licences: Licences | None = None,
) -> RepoPlan | Skipped:
    """What ``wish`` changes in this repo, or why it is left as it is.

    Asks the Hub only for licences, if ``wish`` includes them; raises HubUnreachable and
    NotSignedIn then.
    """
    if not quant.stats.weights_bytes:
        return Skipped(quant.repo, "it has no model*.safetensors: nothing to state")
    if not quant.stats.quantized_parameters:
        return Skipped(quant.repo, "none of its weights are quantized: it is no quant", "not ours")
    try:
        return _Planned(hub, candidate, quant, wish, licences).plan()
    except (HubUnreachable, NotSignedIn):
        raise
    except HubtoolError as error:
        # a look that is not here is for the user to mend, not for the repo
        mend = f": {error.remedy}" if isinstance(error, PathNotFound) else ""
        return Skipped(quant.repo, error.message + mend)


class _Planned:
    """One repo on its way to a plan."""

    def __init__(
        self,
        hub: HubClient,
        candidate: Candidate,
        quant: RemoteQuant,
        wish: Wish,
        licences: Licences | None,
    ) -> None:
        self._hub, self._row, self._quant, self._wish = hub, candidate.row, quant, wish
        self._maker, self._licences = candidate.maker, licences
        self._card = split_card(quant.readme or "")
        self._warnings: list[str] = []
        self._template, self._brand = Look(wish.template, wish.brand).of(quant.provenance)

    def plan(self) -> RepoPlan:
        provenance = self._provenance()
        found = self._licence(provenance.base_repo)
        texts = found.texts if found else {}
        provenance = found.of(provenance) if found else provenance
        facts = self._facts(provenance)
        metadata, withheld = self._metadata(facts, licence_known=found is not None)
        rendered = render_card(
            facts,
            template=self._template,
            brand=self._brand,
            existing=self._quant.readme,
            overwrite_edited=self._wish.overwrite_edited,
            metadata=metadata,
            part=self._wish.part,
            left_alone=(LICENCE_BLOCK,) if withheld else (),
        )
        _require_valid(rendered.text)
        files = [*self._licence_files(texts), *self._notice(facts, texts)]
        if rendered.text != self._quant.readme or files:
            files += self._pictures(facts) if self._wish.part != "metadata" else []
            files += self._release(provenance, facts, files)
            files += self._readme(rendered)
        self._warnings += rendered.notes
        return RepoPlan(
            repo=self._quant.repo,
            head=self._quant.commit,
            maker=self._maker,
            changes=changes_of(self._quant.readme or "", rendered.text, rendered.adopted, files)
            if files
            else (),
            files=tuple(sorted(files, key=lambda file: file.path != CARD_FILE)),
            warnings=tuple(self._warnings),
            licence_withheld=withheld,
        )

    def _licence(self, base_repo: str) -> FoundLicence | None:
        """What the base declares now, if it is asked for. A base that cannot be read is told."""
        if not self._wish.include_licence or self._licences is None:
            return None
        try:
            return self._licences.of_base(base_repo)
        except (HubUnreachable, NotSignedIn):
            raise
        except HubtoolError as error:
            self._warnings.append(f"its licence is left as it is: {error.message}")
            return None

    def _provenance(self) -> Provenance:
        """The repo's own, or what its card and metadata tell; rendered with the wished look."""
        quant, known = self._quant, self._quant.provenance
        if known is not None and known.repo != quant.repo:
            self._warnings.append(f"{PROVENANCE_FILE} was made for {known.repo}: a copied repo")
        if known is None and PROVENANCE_FILE in self._row.files:
            raise StatsDisagree(  # writing it anew would lose what a newer hubtool knew
                f"its {PROVENANCE_FILE} cannot be read: damaged, or by another version of hubtool",
                "use that version, or remove the file",
            )
        return dataclasses.replace(
            known or legacy_provenance(quant.repo, self._base_repo(), self._maker, self._card.data),
            repo=quant.repo,
            template=Path(self._template).name,
            template_sha256=template_sha256(self._template),
            brand=Path(self._brand).name,
            header_bytes=quant.header_bytes,
            scores=short_scores(quant.scores),
        )

    def _base_repo(self) -> str:
        if self._quant.base_repo is None:
            raise StatsDisagree(
                "neither its card nor its metadata names a base model",
                "write `base_model` into the front matter of its card",
            )
        return self._quant.base_repo

    def _facts(self, provenance: Provenance) -> CardFacts:
        """The facts; charts that the repo lacks are left out unless they were asked for."""
        quant = self._quant
        facts = build_facts(provenance, quant.stats, quant.scores, quant.traits)
        if self._wish.charts:
            return facts
        return with_charts(facts, self._row.files.__contains__)

    def _metadata(self, facts: CardFacts, *, licence_known: bool) -> tuple[dict[str, Any], bool]:
        """(front matter, whether a licence that the card says otherwise was left as it is)."""
        wanted, found = build_metadata(facts), self._card.data
        differs = [key for key in LICENCE_KEYS if found.get(key) != wanted.get(key)]
        if not differs or licence_known:
            return wanted, False
        said = ", ".join(f"{key} {found.get(key)!r} and not {wanted.get(key)!r}" for key in differs)
        hint = "" if self._wish.include_licence else ": --include-licence changes it"
        self._warnings.append(f"the card says {said}{hint}")
        kept = {key: found[key] for key in LICENCE_KEYS if key in found}
        return {key: value for key, value in wanted.items() if key not in LICENCE_KEYS} | kept, True

    def _readme(self, rendered: RenderedCard) -> list[FileChange]:
        if rendered.text == self._quant.readme:
            return []
        existed = self._quant.readme is not None
        return [FileChange(CARD_FILE, self._quant.readme, rendered.text, existed=existed)]

    def _release(
        self, provenance: Provenance, facts: CardFacts, files: list[FileChange]
    ) -> list[FileChange]:
        """``optiq/release.json``: the evidence for the next plan and for ``hubtool check``."""
        if self._wish.part == "metadata":
            return []
        charts = [chart.path for chart in (facts.width_chart, facts.score_chart) if chart]
        owned = {*provenance.files, CARD_FILE, PROVENANCE_FILE, *charts}
        owned |= {one.path for one in files}
        text = dataclasses.replace(provenance, files=tuple(sorted(owned))).as_text
        before = self._quant.release
        if text == before:
            return []
        return [FileChange(PROVENANCE_FILE, before, text, existed=before is not None)]

    def _pictures(self, facts: CardFacts) -> list[FileChange]:
        """Charts that are missing, or that show other figures than the facts."""
        shown = self._quant.readme or ""
        stale = {
            chart.path
            for chart in (facts.width_chart, facts.score_chart)
            if chart
            and (chart.path not in self._row.files or escape_markdown(chart.alt) not in shown)
        }
        if not stale:
            return []
        drawn = charts_of(facts, self._quant.stats.components)
        return [self._binary(path, drawn[path]) for path in sorted(stale)]

    def _licence_files(self, texts: dict[str, bytes]) -> list[FileChange]:
        changed = []
        for path, content in sorted(texts.items()):
            if path in self._row.files:
                there = self._hub.read_bytes(self._quant.repo, path, self._quant.commit)
                if there == content:
                    continue
            changed.append(self._binary(path, content))
        return changed

    def _notice(self, facts: CardFacts, texts: dict[str, bytes]) -> list[FileChange]:
        """The file that some licences ask for; what a file of that name says already stays."""
        changed = []
        for path, content in notice_of(facts, None, texts).items():
            there = b""
            if path in self._row.files:
                there = self._hub.read_bytes(self._quant.repo, path, self._quant.commit) or b""
            lines = content.decode().split("\n\n")[0].splitlines()
            if missing_lines(lines, [there.decode("utf-8", "replace")]):
                above = there.rstrip() + b"\n\n" if there.strip() else b""
                changed.append(self._binary(path, above + content))
        return changed

    def _binary(self, path: str, content: bytes) -> FileChange:
        text = base64.b64encode(content).decode("ascii")
        return FileChange(path, None, text, binary=True, existed=path in self._row.files)


def _require_valid(text: str) -> None:
    """Raise CardMetadataInvalid for a card that the Hub would refuse, whoever wrote it."""
    problems = metadata_problems(split_card(text))
    wrong = [shorten(one.message, 120) for one in problems if one.severity == "error"]
    if wrong:
        raise CardMetadataInvalid(
            f"the Hub would refuse its card: {'; '.join(wrong)}", "correct it on the repo's page"
        )
