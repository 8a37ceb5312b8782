"""What the example facts are put together from, without weights: provenance, figures, scores."""

from __future__ import annotations

import dataclasses
from typing import Any

from hubtool.artifact.components import ComponentBits
from hubtool.artifact.parts import Part, PartSize
from hubtool.artifact.shares import KeptShare, WidthShare
from hubtool.artifact.stats import QuantStats
from hubtool.card.facts import CardFacts, ModelTraits, build_facts
from hubtool.card.provenance import BaselineFacts, Provenance, licence_facts
from hubtool.licences.declared import LicenceTerms
from hubtool.quantize.distance import Distance, Estimate
from hubtool.quantize.optiq_files import MeasurementFacts
from hubtool.quantize.verification import TextUse, UniformTwin, Verification
from hubtool.records import FileHash
from hubtool.scores.record import Score, ScoreSet

BASE = "google/gemma-4-E4B-it-qat-q4_0-unquantized"
REVISION = "0123456789abcdef0123456789abcdef01234567"
SOURCE: Any = {"source_file": "gemma-4-e4b-it-qat.json", "source_sha256": "e" * 64}
KINDS = (
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
)
DOMAINS = ("prose", "reasoning", "code", "agent", "tool_call", "constraints")


GEMMA = LicenceTerms(
    BASE, REVISION, ("gemma",), None, "https://ai.google.dev/gemma/terms", ("LICENSE",)
)


def provenance(**changes: Any) -> Provenance:
    """The provenance of the card that started the project."""
    seed = Provenance(
        repo="mlx-community/gemma-4-e4b-it-qat-OptiQ-4bit",
        base_repo=BASE,
        base_revision=REVISION,
        base_url=f"https://huggingface.co/{BASE}/tree/{REVISION}",
        qat_evidence="its name",
        languages=(),
        base_tags=("gemma4",),
        licence=licence_facts(GEMMA, GEMMA, frozenset({"LICENSE"})),
        licence_files=(FileHash("LICENSE", 8000, "a" * 64),),
        also_bound_by=(),
        measurement=MeasurementFacts(
            method="exact",
            reference="uniform4",
            reference_reason="bf16 needs 15.9 GB, 11.2 GB were free",
            calibration_sha256="c" * 64,
            domains=DOMAINS,
            samples=51,
            tokens=3072,
        ),
        target_bpw=5.0,
        made_by="hubtool",
        drafter="google/gemma-4-E4B-it-qat-q4_0-unquantized-assistant",
        baseline="mlx-community/gemma-4-E4B-it-qat-4bit",
        template="optiq",
        template_sha256="d" * 64,
        brand="optiq",
        tools={"hubtool": "0.1.0", "mlx": "0.32.4", "mlx-lm": "0.32.2"},
        git_commit=None,
        git_tag=None,
        files=(),
        baseline_facts=BaselineFacts(
            repo="mlx-community/gemma-4-E4B-it-qat-4bit",
            revision="89abcdef0123456789abcdef0123456789abcdef",
            base_repo=BASE,
            widths=(4,),
            nominal_bpw=4.0,
            stored_bpw=7.62,
            weights_bytes=6_300_000_000,
        ),
    )
    return dataclasses.replace(seed, **changes)


def stats(
    widths: tuple[tuple[int, int, int], ...] = ((4, 122, 3_386_000_000), (8, 221, 1_400_000_000)),
    *,
    vision_bytes: int = 700_000_000,
    mtp_bytes: int = 0,
    unquantized: int = 1_454_000_000,
    kept: tuple[KeptShare, ...] = (),
    group_sizes: tuple[int, ...] = (64,),
    mode: str = "affine",
) -> QuantStats:
    """Figures for (bits, components, parameters) a width, as reading a folder would give them."""
    components = _components(widths, group_sizes, mode)
    quantized = sum(parameters for _, _, parameters in widths)
    bits = sum(bits * parameters for bits, _, parameters in widths)
    if len(group_sizes) == 1:
        scales = quantized * 32 // group_sizes[0]
    else:
        scales = sum(one.parameters * 32 // one.group_size for one in components)
    language_bytes = (bits + scales) // 8 + 2 * unquantized
    parts = _parts(language_bytes, quantized + unquantized, vision_bytes, mtp_bytes)
    total = sum(part.size_bytes for part in parts)
    parameters = sum(part.parameters for part in parts)
    return QuantStats(
        components=components,
        widths=tuple(
            WidthShare(bits, count, parameters_, parameters_ / quantized)
            for bits, count, parameters_ in widths
        ),
        parts=parts,
        parameters=parameters,
        quantized_parameters=quantized,
        unquantized_parameters=parameters - quantized,
        nominal_bpw=bits / quantized,
        stored_bpw=8 * total / parameters,
        language_stored_bpw=8 * language_bytes / (quantized + unquantized),
        weights_bytes=total,
        kept=kept,
    )


def _components(
    widths: tuple[tuple[int, int, int], ...], group_sizes: tuple[int, ...], mode: str
) -> tuple[ComponentBits, ...]:
    sizes = [
        (bits, parameters // count) for bits, count, parameters in widths for _ in range(count)
    ]
    layers = -(-len(sizes) // len(KINDS))
    return tuple(
        ComponentBits(
            f"model.layers.{place % layers}.{KINDS[place // layers]}",
            bits,
            group_sizes[place % len(group_sizes)],
            mode,
            size,
        )
        for place, (bits, size) in enumerate(sizes)
    )


def _parts(
    language_bytes: int, language_parameters: int, vision_bytes: int, mtp_bytes: int
) -> tuple[PartSize, ...]:
    def sidecar(part: Part, file: str, size: int) -> PartSize:
        return PartSize(part, (file,), size, 400, size // 2, ("BF16",))

    parts = (
        PartSize(
            "language",
            ("model-00001-of-00001.safetensors",),
            language_bytes,
            1200,
            language_parameters,
            ("BF16", "U32"),
        ),
        sidecar("vision", "optiq_vision.safetensors", vision_bytes),
        sidecar("mtp", "optiq/mtp.safetensors", mtp_bytes),
    )
    return tuple(part for part in parts if part.size_bytes)


def scores() -> ScoreSet:
    """The six benchmarks of the seed card, as counts where it gives them."""
    return ScoreSet(
        candidate=_side(577, 800, 69.1, 140, 134, 36.0),
        baseline=_side(574, 795, 67.8, 140, 129, 34.0),
        baseline_repo="mlx-community/gemma-4-E4B-it-qat-4bit",
    )


def _side(
    mmlu: int, gsm8k: int, ifeval: float, bfcl: int, humaneval: int, hashhop: float
) -> tuple[Score, ...]:
    def counted(benchmark: str, name: str, metric: str, correct: int, n: int) -> Score:
        return Score(benchmark, name, metric, 100 * correct / n, n, correct, **SOURCE)

    return (
        counted("mmlu", "MMLU (5-shot, 1000)", "accuracy", mmlu, 1000),
        counted("gsm8k", "GSM8K (1000)", "exact match", gsm8k, 1000),
        Score("ifeval", "IFEval (full, strict)", "prompt_level_strict", ifeval, 541, **SOURCE),
        counted("bfcl", "BFCL-V3 simple (200)", "accuracy", bfcl, 200),
        counted("humaneval", "HumanEval (pass@1, 164)", "pass@1", humaneval, 164),
        Score("hashhop", "HashHop (long-context)", "accuracy", hashhop, 100, **SOURCE),
    )


def verification(*, ratio: float = 1.35, twin: bool = True) -> Verification:
    """A comparison with the base; ``ratio`` is the uniform quant's divergence over this one's."""

    def around(value: float, reach: float) -> Estimate:
        return Estimate(value, value * (1 - reach), value * (1 + reach))

    def distance(mean_nats: float) -> Distance:
        return Distance(
            mean_nats=around(mean_nats, 0.06),
            p99_nats=around(12 * mean_nats, 0.15),
            top1_agreement=around(1 - mean_nats**0.65, 0.01),
            perplexity_ratio=around(1 + mean_nats / 3, 0.004),
        )

    uniform = UniformTwin(5, 64, 5.503, distance(0.072 * ratio), around(ratio, 0.04))
    return Verification(
        distance=distance(0.072),
        stored_bpw=5.499,
        uniform=uniform if twin else None,
        base_perplexity=17.93,
        text=TextUse("b" * 64, DOMAINS, windows=49, tokens=3072),
    )


def seed_facts() -> CardFacts:
    """The facts of the seed card."""
    return build_facts(provenance(), stats(), scores(), ModelTraits(True, True))
