"""Golden cards: whole pages, rendered from facts alone.

After a change that is meant: ``HUBTOOL_GOLDEN=write pytest tests/golden``, then read the diff.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hubtool.artifact.stats import KeptShare, stats_from_headers
from hubtool.card.facts import CardFacts, ModelTraits, build_facts
from hubtool.card.frontmatter import split_card
from hubtool.card.metadata_rules import metadata_problems
from hubtool.card.provenance import LicenceFacts
from hubtool.card.render import render_card
from hubtool.scores.capability import compare
from tests.support.card_facts import BASE, REVISION, provenance, scores, seed_facts, stats

FOLDER = Path(__file__).parent / "cards"
COMMENT = re.compile(r"<!-- golden:.*?-->\n", re.DOTALL)  # why the page is as it is
HOSTILE = 'evil|org/<img src=x onerror="alert(1)">`rm`[x](javascript:alert(1))'


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
    cut = dataclasses.replace(scores().candidate[0], partial=True, n=100, correct=58)
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


def _static_allocation() -> CardFacts:
    made = provenance(
        qat_evidence=None,
        drafter=None,
        baseline=None,
        measurement=None,
        target_bpw=None,
        made_by="static_mixed_precision",
    )
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


CASES: dict[str, tuple[Callable[[], CardFacts], str]] = {
    "seed": (seed_facts, "optiq"),
    "text_only": (_text_only, "optiq"),
    "imported_uniform": (_imported_uniform, "plain"),
    "lost_on_most": (_lost_on_most, "optiq"),
    "three_widths": (_three_widths, "optiq"),
    "no_baseline": (_no_baseline, "optiq"),
    "partial_suite": (_partial_suite, "plain"),
    "mixture_of_experts": (_mixture_of_experts, "optiq"),
    "kept_components": (_kept_components, "plain"),
    "static_allocation": (_static_allocation, "optiq"),
    "weights_are_uploading": (_weights_are_uploading, "optiq"),
    "mtp_head": (_mtp_head, "plain"),
    "no_scores": (_no_scores, "optiq"),
    "unlike_settings": (_unlike_settings, "optiq"),
    "hostile_names": (_hostile_names, "optiq"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_card_is_the_golden_one(name: str) -> None:
    make, look = CASES[name]
    text = render_card(make(), template=look, brand=look).text
    file = FOLDER / f"{name}.md"
    known = file.read_text(encoding="utf-8") if file.is_file() else ""
    comment = COMMENT.match(known)
    if os.environ.get("HUBTOOL_GOLDEN") == "write":
        file.write_text((comment[0] if comment else "") + text, encoding="utf-8")
        return
    assert text == (known[comment.end() :] if comment else known)


@pytest.mark.parametrize("name", CASES)
def test_the_front_matter_is_what_the_hub_takes(name: str) -> None:
    make, look = CASES[name]
    card = split_card(render_card(make(), template=look, brand=look).text)
    errors = [one.field for one in metadata_problems(card) if one.severity == "error"]
    # no repo on the Hub can have that name; all other fields must hold nevertheless
    assert errors == (["base_model"] if name == "hostile_names" else [])


@pytest.mark.parametrize("name", CASES)
def test_rendering_again_changes_nothing(name: str) -> None:
    make, look = CASES[name]
    first = render_card(make(), template=look, brand=look)
    again = render_card(make(), template=look, brand=look, existing=first.text)
    assert again == first


def test_the_mean_is_computed_unrounded_and_rounded_once() -> None:
    capability = compare(scores())
    assert capability is not None
    assert capability.delta_points is not None
    assert capability.baseline_mean is not None
    assert capability.complete
    assert f"{capability.candidate_mean:.2f}" == "65.75"
    assert f"{capability.baseline_mean:.2f}" == "64.56"
    assert f"{capability.delta_points:+.2f}" == "+1.19"


def test_hostile_names_execute_nothing_and_leave_the_tables_whole() -> None:
    from markdown_it import MarkdownIt

    body = split_card(render_card(_hostile_names()).text).body
    # raw HTML is let through here: what stands in the output would run on a careless page
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(body).lower()
    ours = [
        "a",
        "blockquote",
        "code",
        "h1",
        "h2",
        "img",
        "p",
        "pre",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
    ]
    assert sorted(set(re.findall(r"<([a-z0-9]+)", html))) == ours
    assert all(
        link.startswith(("http", "license", "optiq/"))
        for link in re.findall(r'href="([^"]*)', html)
    )
    tables = html.split("<table>")[1:]
    assert [set(map(len, _cells(table))) for table in tables] == [{2}, {4}]


def _cells(table: str) -> list[list[str]]:
    rows = table.split("</table>")[0].split("<tr>")[1:]
    return [re.findall(r"<t[hd][ >]", row) for row in rows]
