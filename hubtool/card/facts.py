"""The one record that every statement on a card is made from."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hubtool.artifact.stats import PartSize, QuantStats, WidthShare
from hubtool.card.provenance import LicenceFacts, Provenance
from hubtool.quantize.optiq_files import MeasurementFacts
from hubtool.records import Record
from hubtool.scores.capability import Capability, compare
from hubtool.scores.record import ScoreSet

MIXED_TAG, UNIFORM_TAG = "mixed-precision", "uniform"


@dataclasses.dataclass(frozen=True)
class CardFacts(Record):
    """All that a template may place. Numbers are unrounded; templates round them once.

    ``predominant_bits`` is the width of most quantized *parameters*, not of
    most components. Sizes are in bytes; ``*_bpw`` in bits per weight.
    """

    schema: ClassVar[int] = 1
    repo: str
    base_repo: str
    base_revision: str
    base_url: str
    qat_evidence: str | None
    pipeline_tag: str
    tags: tuple[str, ...]
    languages: tuple[str, ...]
    licence: LicenceFacts
    licence_files: tuple[str, ...]
    also_bound_by: tuple[LicenceFacts, ...]
    widths: tuple[WidthShare, ...]  # ascending bits
    components: int
    predominant_bits: int
    predominant_share: float  # 0 to 1
    group_sizes: tuple[int, ...]
    modes: tuple[str, ...]
    nominal_bpw: float
    stored_bpw: float
    language_stored_bpw: float
    parameters: int
    unquantized_parameters: int
    weights_bytes: int
    language: PartSize | None
    vision: PartSize | None
    mtp: PartSize | None
    measurement: MeasurementFacts | None
    target_bpw: float | None
    made_by: str
    drafter: str | None
    baseline_repo: str | None
    capability: Capability | None
    scores_file: str | None
    tools: dict[str, str]
    has_chat_template: bool

    @property
    def is_mixed(self) -> bool:
        """Whether components differ in width."""
        return len(self.widths) > 1

    @property
    def org(self) -> str:
        """Who publishes the quant."""
        return self.repo.split("/")[0]

    @property
    def name(self) -> str:
        """The quant's name without its organisation."""
        return self.repo.split("/")[1]


def build_facts(
    provenance: Provenance,
    stats: QuantStats,
    scores: ScoreSet | None,
    *,
    has_chat_template: bool,
    has_towers: bool,
) -> CardFacts:
    """The facts of one quant: figures from its bytes, the rest from its provenance."""
    parts = {part.part: part for part in stats.parts}
    most = max(stats.widths, key=lambda share: share.parameters)
    return CardFacts(
        repo=provenance.repo,
        base_repo=provenance.base_repo,
        base_revision=provenance.base_revision,
        base_url=provenance.base_url,
        qat_evidence=provenance.qat_evidence,
        pipeline_tag="image-text-to-text" if has_towers else "text-generation",
        tags=_tags(provenance, stats, has_chat_template=has_chat_template),
        languages=provenance.languages,
        licence=provenance.licence,
        licence_files=tuple(file.path for file in provenance.licence_files),
        also_bound_by=provenance.also_bound_by,
        widths=stats.widths,
        components=len(stats.components),
        predominant_bits=most.bits,
        predominant_share=most.parameter_share,
        group_sizes=tuple(sorted({component.group_size for component in stats.components})),
        modes=tuple(sorted({component.mode for component in stats.components})),
        nominal_bpw=stats.nominal_bpw,
        stored_bpw=stats.stored_bpw,
        language_stored_bpw=stats.language_stored_bpw,
        parameters=stats.parameters,
        unquantized_parameters=stats.unquantized_parameters,
        weights_bytes=stats.weights_bytes,
        language=parts.get("language"),
        vision=parts.get("vision"),
        mtp=parts.get("mtp"),
        measurement=provenance.measurement,
        target_bpw=provenance.target_bpw,
        made_by=provenance.made_by,
        drafter=provenance.drafter,
        baseline_repo=provenance.baseline or (scores.baseline_repo if scores else None),
        capability=compare(scores) if scores else None,
        scores_file=_score_files(scores) if scores else None,
        tools=provenance.tools,
        has_chat_template=has_chat_template,
    )


def _score_files(scores: ScoreSet) -> str | None:
    names = [name for name in (scores.source_file, scores.baseline_file) if name]
    return " and ".join(names) or None


def _tags(provenance: Provenance, stats: QuantStats, *, has_chat_template: bool) -> tuple[str, ...]:
    """Facets for the Hub: ``mlx`` first, since its buttons look at that tag."""
    widths = [share.bits for share in stats.widths]
    tags = ["mlx", "quantized", MIXED_TAG if len(widths) > 1 else UNIFORM_TAG]
    tags += [f"{bits}-bit" for bits in widths]
    tags += ["conversational"] if has_chat_template else []
    tags += [tag for tag in provenance.base_tags if tag == "not-for-all-audiences"]
    return tuple(tags)
