"""Facts of every kind of quant, without weights: templates are tried on them.

hubtool's own golden cards are rendered from these, and ``hubtool template check``
shows a user's template all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from hubtool.artifact.shares import KeptShare
from hubtool.artifact.stats import stats_from_headers
from hubtool.card.example_parts import (
    BASE,
    REVISION,
    SOURCE,
    provenance,
    scores,
    seed_facts,
    stats,
    verification,
)
from hubtool.card.facts import CardFacts, ModelTraits, build_facts
from hubtool.card.provenance import LicenceFacts, Provenance
from hubtool.scores.record import Score, ScoreSet

HOSTILE = 'evil|org/<img src=x onerror="alert(1)">`rm`[x](javascript:alert(1))'


def _by_another_tool(name: str, **changes: Any) -> Provenance:
    return provenance(
        qat_evidence=None,
        drafter=None,
        baseline=None,
        measurement=None,
        target_bpw=None,
        made_by=name,
        **changes,
    )


def _text_only() -> CardFacts:
    made = provenance(
        repo="acme/SmolLM2-135M-Instruct-OptiQ-4bit",
        base_repo="HuggingFaceTB/SmolLM2-135M-Instruct",
        base_url=f"https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct/tree/{REVISION}",
        qat_evidence=None,
        languages=("en",),
        licence=LicenceFacts(
            "HuggingFaceTB/SmolLM2-135M-Instruct", REVISION, ("apache-2.0",), None, None
        ),
        drafter=None,
        baseline=None,
    )
    figures = stats(
        ((4, 150, 100_000_000), (8, 61, 34_000_000)), vision_bytes=0, unquantized=35_000
    )
    return build_facts(made, figures, None, ModelTraits(True, False))


def _imported_uniform() -> CardFacts:
    made = provenance(
        qat_evidence=None, drafter=None, measurement=None, target_bpw=None, made_by="awq"
    )
    return build_facts(
        made,
        stats(((4, 343, 8_000_000_000),), vision_bytes=0),
        None,
        ModelTraits(),
    )


def _plain_mlx_lm() -> CardFacts:
    """A uniform quant that mlx-lm made and a maintainer handed over."""
    made = _by_another_tool("another tool", repo="mlx-community/gemma-4-e4b-it-4bit")
    figures = stats(((4, 343, 8_000_000_000),), vision_bytes=0)
    return build_facts(made, figures, None, ModelTraits(has_chat_template=True))


def _lost_on_most() -> CardFacts:
    swapped = scores()
    swapped = dataclasses.replace(
        swapped, candidate=swapped.baseline[:3], baseline=swapped.candidate[:3]
    )
    return build_facts(provenance(), stats(mtp_bytes=90_000_000), swapped, ModelTraits(True, True))


def _hostile_names() -> CardFacts:
    made = provenance(
        base_repo=HOSTILE,
        base_url="javascript:alert(1)",
        drafter=f"{HOSTILE}\n```\n<script>alert(1)</script>",
        licence=LicenceFacts(HOSTILE, REVISION, ("other",), "no: &x *y | z", "https://x/%22)"),
        also_bound_by=(LicenceFacts(BASE, REVISION, ("llama3.1",), None, None),),
    )
    named = dataclasses.replace(
        scores().candidate[0], display_name="MMLU | <b>x</b> `y`", source_file="a|b<i>.json"
    )
    set_ = dataclasses.replace(scores(), candidate=(named,))
    return build_facts(made, stats(), set_, ModelTraits(True, True))


def _three_widths() -> CardFacts:
    widths = ((3, 40, 1_000_000_000), (4, 200, 5_000_000_000), (8, 103, 2_000_000_000))
    return build_facts(provenance(), stats(widths), None, ModelTraits(True, True))


def _no_baseline() -> CardFacts:
    alone = dataclasses.replace(scores(), baseline=(), baseline_repo=None)
    made = provenance(baseline=None, drafter=None)
    return build_facts(made, stats(vision_bytes=0), alone, ModelTraits(True, False))


def _partial_suite() -> CardFacts:
    cut = Score("mmlu", "MMLU (5-shot, 100 of 1000)", "accuracy", 58.0, 100, 58, **SOURCE)
    cut = dataclasses.replace(cut, partial=True)
    both = dataclasses.replace(scores(), candidate=(cut, *scores().candidate[1:]))
    return build_facts(provenance(), stats(), both, ModelTraits(True, True))


def _mixture_of_experts() -> CardFacts:
    made = provenance(qat_evidence=None, drafter=None, baseline_facts=None)
    figures = stats(
        ((4, 96, 26_000_000_000), (8, 240, 3_000_000_000)),
        vision_bytes=0,
        unquantized=25_000_000,
        kept=(
            KeptShare("mlp.gate", "BF16", 48, 12_600_000),
            KeptShare("mlp.shared_expert_gate", "BF16", 48, 98_304),
        ),
    )
    named = {"mlp.gate_proj": "mlp.switch_mlp.gate_proj", "mlp.up_proj": "mlp.switch_mlp.up_proj"}
    experts = tuple(
        dataclasses.replace(one, name=_renamed(one.name, named)) for one in figures.components
    )
    figures = dataclasses.replace(figures, components=experts)
    traits = ModelTraits(has_chat_template=True, experts=128, active_experts=8)
    return build_facts(made, figures, None, traits)


def _renamed(name: str, kinds: dict[str, str]) -> str:
    for kind, new in kinds.items():
        name = name.replace(kind, new)
    return name


def _kept_components() -> CardFacts:
    kept = (
        KeptShare("lm_head", "BF16", 1, 262_144_000),
        KeptShare("self_attn.v_proj", "BF16", 4, 16_777_216),
        KeptShare("per_layer_projection", "F32", 42, 27_525_120),
        KeptShare("conv1d", "F32", 12, 98_304),
        KeptShare("altup.modality_router", "BF16", 30, 4_096),
    )
    figures = stats(vision_bytes=0, kept=kept)
    return build_facts(provenance(), figures, None, ModelTraits(True, False))


def _several_group_sizes() -> CardFacts:
    """Widths and group sizes chosen together, under a budget of stored bits."""
    made = provenance(
        target_bpw=None, budget="--stored-bpw 7.5", qat_evidence=None, drafter=None, baseline=None
    )
    widths = ((3, 60, 600_000_000), (4, 220, 3_100_000_000), (6, 63, 1_086_000_000))
    figures = stats(widths, vision_bytes=0, group_sizes=(64, 32, 64, 128))
    return build_facts(made, figures, None, ModelTraits(True, False))


def _static_rule() -> CardFacts:
    """What hubtool made without measuring anything."""
    made = provenance(
        measurement=None,
        target_bpw=None,
        budget="--max-size 6.5GB",
        chosen_by="a static rule of hubtool; nothing was measured",
        qat_evidence=None,
        drafter=None,
        baseline=None,
    )
    return build_facts(made, stats(vision_bytes=0), None, ModelTraits(True, False))


def _static_allocation() -> CardFacts:
    made = _by_another_tool("static_mixed_precision")
    return build_facts(made, stats(vision_bytes=0), None, ModelTraits(True, False))


def _weights_are_uploading() -> CardFacts:
    nothing = stats_from_headers({}, {})
    made = provenance(drafter=None, measurement=None, target_bpw=None, baseline=None)
    return build_facts(made, nothing, None, ModelTraits())


def _mtp_head() -> CardFacts:
    made = provenance(qat_evidence=None, drafter=None, baseline=None)
    figures = stats(mtp_bytes=90_000_000, vision_bytes=0)
    return build_facts(made, figures, None, ModelTraits(True, False))


def _no_scores() -> CardFacts:
    return build_facts(provenance(), stats(), None, ModelTraits(True, True))


def _unlike_settings() -> CardFacts:
    """Paired items on one benchmark, other settings on another, and a model-index."""
    ours, theirs = scores().candidate, scores().baseline
    paired = [
        dataclasses.replace(side[3], failed_items=tuple(map(str, range(start, start + 60))))
        for side, start in ((ours, 0), (theirs, 12))
    ]
    shots = dataclasses.replace(theirs[0], few_shot=0)
    both = dataclasses.replace(
        scores(),
        candidate=(dataclasses.replace(ours[0], few_shot=5), ours[1], paired[0]),
        baseline=(shots, theirs[1], paired[1]),
    )
    made = provenance(model_index=True)
    return build_facts(made, stats(), both, ModelTraits(True, True))


def _unlike_files() -> CardFacts:
    """Two programs' files: settings that one side tells, a task beside the six, one-sided ones."""
    told: Any = {"few_shot": 5, "harness": "lm-evaluation-harness", "harness_version": "0.4.13"}
    gsm8k = Score("gsm8k", "GSM8K (1319)", "exact_match", 62.0, 1319, **SOURCE)
    gpqa = Score("gpqa", "GPQA (448)", "acc_norm", 30.0, 448, stderr_percent=2.2, **SOURCE)
    arc = Score("arc_challenge", "ARC (1172)", "acc_norm", 51.0, 1172, **SOURCE)
    bfcl = dataclasses.replace(scores().candidate[3], n_from="the defaults of mlx-optiq")
    both = ScoreSet(
        candidate=(
            dataclasses.replace(gsm8k, value_percent=75.0, **told),
            bfcl,
            dataclasses.replace(gpqa, value_percent=29.96),
            arc,
        ),
        baseline=(gsm8k, bfcl, gpqa, scores().baseline[5]),
    )
    return build_facts(provenance(), stats(), both, ModelTraits(True, True))


def _verified() -> CardFacts:
    made = provenance(drafter=None, baseline=None, verification=verification())
    return build_facts(made, stats(vision_bytes=0), None, ModelTraits(True, False))


def _verified_within_noise() -> CardFacts:
    made = provenance(baseline=None, verification=verification(ratio=1.02))
    return build_facts(made, stats(), None, ModelTraits(True, True))


def _verified_behind() -> CardFacts:
    """A quant that the uniform one of its size is nearer to the base than."""
    made = provenance(drafter=None, baseline=None, verification=verification(ratio=0.8))
    return build_facts(made, stats(vision_bytes=0), None, ModelTraits(True, False))


def _verified_alone() -> CardFacts:
    """An imported quant of more bits than any uniform one has."""
    made = _by_another_tool("awq", verification=verification(twin=False))
    figures = stats(((8, 343, 8_000_000_000),), vision_bytes=0)
    return build_facts(made, figures, None, ModelTraits(True, False))


EXAMPLES: dict[str, Callable[[], CardFacts]] = {
    "seed": seed_facts,
    "text_only": _text_only,
    "imported_uniform": _imported_uniform,
    "plain_mlx_lm": _plain_mlx_lm,
    "lost_on_most": _lost_on_most,
    "three_widths": _three_widths,
    "no_baseline": _no_baseline,
    "partial_suite": _partial_suite,
    "mixture_of_experts": _mixture_of_experts,
    "kept_components": _kept_components,
    "static_allocation": _static_allocation,
    "static_rule": _static_rule,
    "several_group_sizes": _several_group_sizes,
    "weights_are_uploading": _weights_are_uploading,
    "mtp_head": _mtp_head,
    "no_scores": _no_scores,
    "verified": _verified,
    "verified_within_noise": _verified_within_noise,
    "verified_behind": _verified_behind,
    "verified_alone": _verified_alone,
    "unlike_settings": _unlike_settings,
    "unlike_files": _unlike_files,
    "hostile_names": _hostile_names,
}
