"""The one record that every statement on a card is made from."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hubtool.artifact.parts import PartSize
from hubtool.artifact.shares import GroupShare, KeptShare, WidthShare, group_shares
from hubtool.artifact.stats import QuantStats
from hubtool.card.charts import scores_alt, widths_alt
from hubtool.card.provenance import BaselineFacts, LicenceFacts, Provenance
from hubtool.quantize.choice import DEFAULT_GROUP_SIZE
from hubtool.quantize.optiq_files import MeasurementFacts
from hubtool.quantize.verification import Verification
from hubtool.records import Record
from hubtool.scores.capability import Capability, compare
from hubtool.scores.record import ScoreSet

WIDTH_CHART, SCORE_CHART = "assets/widths.png", "assets/scores.png"
MIXED_TAG, UNIFORM_TAG = "mixed-precision", "uniform"


@dataclasses.dataclass(frozen=True)
class ModelTraits:
    """What a quant's small files say about the model besides its weights."""

    has_chat_template: bool = False
    has_towers: bool = False
    experts: int | None = None  # routed ones in a layer
    active_experts: int | None = None  # of these, for one token


@dataclasses.dataclass(frozen=True)
class ChartFacts:
    """A picture beside the card: its path in the repo, and its figures in words (plain text)."""

    path: str  # in the repo
    alt: str  # its figures in words, plain text


@dataclasses.dataclass(frozen=True)
class CardFacts(Record):
    """All that a template may place. Numbers are unrounded; templates round them once.

    Sizes are in bytes; ``*_bpw`` in bits per weight. Without weights (a card
    that is there before them) ``widths`` is empty and sizes are 0.
    """

    schema: ClassVar[int] = 1
    repo: str  # Hub id of the quant
    base_repo: str  # Hub id of its base
    base_revision: str  # the base's commit, 40 hex digits; empty if not known
    base_url: str  # page of the base at that commit
    qat_evidence: str | None  # where the base says that it was trained for quantization
    pipeline_tag: str  # the Hub's task
    tags: tuple[str, ...]  # facets for the front matter
    languages: tuple[str, ...]  # ISO 639-1, of the base
    licence: LicenceFacts  # of the base, at the pinned commit
    also_bound_by: tuple[LicenceFacts, ...]  # licences of the base's own ancestors
    widths: tuple[WidthShare, ...]  # ascending bits
    components: int  # quantized modules
    group_sizes: tuple[int, ...]  # weights that share one scale, ascending
    group_shares: tuple[GroupShare, ...]  # the same with their shares, the larger part first
    modes: tuple[str, ...]  # affine, mxfp4, nvfp4, mxfp8
    nominal_bpw: float  # bits of the quantized weights alone
    stored_bpw: float  # all weight bytes over all parameters
    language_stored_bpw: float  # the same without the sidecars
    parameters: int  # logical, all parts
    unquantized_parameters: int  # of these, kept as they were
    weights_bytes: int  # all weight files
    language: PartSize | None  # the part that mlx-lm loads
    vision: PartSize | None  # the towers' sidecar
    mtp: PartSize | None  # the speculative head's sidecar
    kept: tuple[KeptShare, ...]  # unquantized matrices, the largest first
    experts: int | None  # routed ones in a layer
    active_experts: int | None  # of these, for one token
    measurement: MeasurementFacts | None  # how sensitivity was measured, if hubtool did
    target_bpw: float | None  # the budget, if it was nominal
    budget: str | None  # the flags that ask for the same budget again
    chosen_by: str | None  # what the widths come from, where hubtool measured nothing
    verification: Verification | None  # how far it is from its base, where that was measured
    rounding: str | None  # how weights were rounded, by its name in ``--rounding``
    made_by: str  # hubtool, or the method that made an imported quant
    drafter: str | None  # Hub id of a speculative drafter
    baseline_repo: str | None  # Hub id that scores are compared with
    baseline: BaselineFacts | None  # what its headers show, where they could be read
    capability: Capability | None  # the scores, compared
    score_files: tuple[str, ...]  # names of the files that the scores came from
    width_chart: ChartFacts | None  # of a mixed quant
    score_chart: ChartFacts | None  # of scores
    model_index: bool  # the front matter repeats the scores
    tools: dict[str, str]  # package -> version
    has_chat_template: bool  # of the tokenizer

    @property
    def has_weights(self) -> bool:
        """Whether there is anything to state figures about."""
        return self.weights_bytes > 0

    @property
    def predominant(self) -> WidthShare | None:
        """The width of most quantized *parameters*, which need not be that of most components."""
        return max(self.widths, key=lambda share: share.parameters, default=None)

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
    provenance: Provenance, stats: QuantStats, scores: ScoreSet | None, traits: ModelTraits
) -> CardFacts:
    """The facts of one quant: figures from its bytes, the rest from its provenance."""
    parts = {part.part: part for part in stats.parts}
    baseline_repo = provenance.baseline or (scores.baseline_repo if scores else None)
    known = provenance.baseline_facts
    capability = compare(scores) if scores else None
    return CardFacts(
        repo=provenance.repo,
        base_repo=provenance.base_repo,
        base_revision=provenance.base_revision,
        base_url=provenance.base_url,
        qat_evidence=provenance.qat_evidence,
        pipeline_tag="image-text-to-text" if traits.has_towers else "text-generation",
        tags=_tags(provenance, stats, traits),
        languages=provenance.languages,
        licence=provenance.licence,
        also_bound_by=provenance.also_bound_by,
        widths=stats.widths,
        components=len(stats.components),
        group_sizes=tuple(sorted({component.group_size for component in stats.components})),
        group_shares=group_shares(stats.components),
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
        kept=stats.kept,
        experts=traits.experts,
        active_experts=traits.active_experts,
        measurement=provenance.measurement,
        verification=provenance.verification,
        target_bpw=provenance.target_bpw,
        budget=_budget_flags(provenance, stats),
        chosen_by=provenance.chosen_by,
        rounding=provenance.rounding,
        made_by=provenance.made_by,
        drafter=provenance.drafter,
        baseline_repo=baseline_repo,
        baseline=known if known and known.repo == baseline_repo else None,
        capability=capability,
        score_files=scores.source_files if scores else (),
        width_chart=ChartFacts(WIDTH_CHART, widths_alt(stats.components))
        if len(stats.widths) > 1
        else None,
        score_chart=ChartFacts(SCORE_CHART, scores_alt(capability.all_rows, baseline_repo or ""))
        if capability
        else None,
        model_index=provenance.model_index,
        tools=provenance.tools,
        has_chat_template=traits.has_chat_template,
    )


def _budget_flags(provenance: Provenance, stats: QuantStats) -> str | None:
    """With the group sizes in use, where they are not one usual size."""
    flags = provenance.budget
    if flags is None and provenance.target_bpw is not None:
        flags = f"--target-bpw {provenance.target_bpw}"
    sizes = sorted({component.group_size for component in stats.components})
    if flags is None or sizes == [DEFAULT_GROUP_SIZE] or not sizes:
        return flags
    if len(sizes) == 1:
        return f"{flags} --group-size {sizes[0]}"
    return f"{flags} --group-sizes {','.join(map(str, sizes))}"


def _tags(provenance: Provenance, stats: QuantStats, traits: ModelTraits) -> tuple[str, ...]:
    """Facets for the Hub: ``mlx`` first, since its buttons look at that tag."""
    widths = [share.bits for share in stats.widths]
    tags = ["mlx", "quantized"]
    if widths:
        tags.append(MIXED_TAG if len(widths) > 1 else UNIFORM_TAG)
    tags += [f"{bits}-bit" for bits in widths]
    tags += ["conversational"] if traits.has_chat_template else []
    tags += [tag for tag in provenance.base_tags if tag == "not-for-all-audiences"]
    return tuple(tags)
