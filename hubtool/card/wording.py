"""Numbers to sentences. What a card claims follows from the numbers, never the other way."""

from __future__ import annotations

from collections.abc import Sequence

from hubtool.artifact.parts import PartSize
from hubtool.artifact.shares import GroupShare, WidthShare
from hubtool.card.distance_words import distance_rows, uniform_comparison, uniform_name
from hubtool.card.facts import CardFacts
from hubtool.card.phrases import count_words, listed
from hubtool.card.provenance import BaselineFacts, LicenceFacts
from hubtool.card.score_wording import (
    claim,
    differences,
    gains_and_losses,
    mean_delta,
    mean_name,
    one_sided,
    paired_words,
    row_delta,
    score_source,
    undisclosed,
)
from hubtool.console import format_bytes
from hubtool.licences.declared import label_of
from hubtool.licences.notices import NOTICE_FILE, asks_for_notice
from hubtool.quantize.optiq_files import TOOL
from hubtool.scores.noise import LEVEL_PERCENT

__all__ = [
    "LEVEL_PERCENT",
    "change_notice",
    "claim",
    "count_words",
    "detail_rows",
    "differences",
    "distance_rows",
    "domain_words",
    "gains_and_losses",
    "licence_label",
    "licence_terms",
    "listed",
    "mean_delta",
    "mean_name",
    "one_sided",
    "paired_words",
    "row_delta",
    "score_source",
    "size_comparison",
    "undisclosed",
    "uniform_comparison",
    "uniform_name",
    "who_gets_what",
]

DOMAIN_WORDS = {
    "tool_call": "tool-call",
    "constraints": "constraint-bearing instructions",
}
KEPT_SHOWN = 4
SMALLEST_SHARE = 0.005  # of unquantized parameters that get a row; norms alone have less
SAME_SIZE = 0.02  # relative difference of the weights' bytes
ROUNDING_WORDS = {
    "search": "scales and biases searched, errors weighted by the inputs' second moments",
    "gptq": "errors compensated by later weights (GPTQ), scales and biases searched",
}
REFERENCE_WORDS = {"bf16": "bf16 base", "uniform4": "uniform-4-bit baseline"}


def domain_words(domains: Sequence[str]) -> str:
    """The calibration domains as a reader knows them."""
    return ", ".join(DOMAIN_WORDS.get(domain, domain) for domain in domains)


def size_comparison(facts: CardFacts) -> str | None:
    """What this quant and its baseline weigh; None if the baseline's headers were not read."""
    theirs = facts.baseline
    if theirs is None or not facts.has_weights:
        return None
    same = " of the same base" if theirs.base_repo == facts.base_repo else ""
    kind = f"{listed([str(bits) for bits in theirs.widths])}-bit"
    kind = f"a uniform {kind} quant" if len(theirs.widths) == 1 else f"a mixed {kind} quant"
    nominal = f"{theirs.nominal_bpw:.2f} nominal bits per weight, "
    if not theirs.widths:
        kind, nominal, same = "not quantized", "", ""
    return (
        f"{theirs.repo} is {kind}{same}: {nominal}{theirs.stored_bpw:.2f} "
        f"{'stored' if nominal else 'bits per weight stored'}, "
        f"{format_bytes(theirs.weights_bytes)}. This one: "
        f"{facts.nominal_bpw:.2f} nominal, {facts.stored_bpw:.2f} stored, "
        f"{format_bytes(facts.weights_bytes)}." + _same_size(facts, theirs)
    )


def detail_rows(facts: CardFacts) -> tuple[tuple[str, str], ...]:
    """The table of quantization details: (property, value) as plain text."""
    rows = [
        ("Base", facts.base_repo + (" (QAT)" if facts.qat_evidence else "")),
        *([("Base revision", facts.base_revision)] if facts.base_revision else []),
        *_predominant_row(facts),
        *_width_rows(facts),
        ("Total quantized components", str(facts.components)),
        *_kept_rows(facts),
        *_expert_rows(facts),
        ("Bits per weight, nominal (allocation only)", f"{facts.nominal_bpw:.2f}"),
        (
            "Bits per weight, stored (all weights on disk)",
            f"{facts.stored_bpw:.2f}" + _language_bpw(facts),
        ),
        ("Size of the weights", _sizes(facts)),
        ("Group size", _groups(facts)),
        *_rounding_rows(facts),
        *_measurement_rows(facts),
    ]
    if facts.vision:
        rows.append(("Vision", _sidecar(facts.vision)))
    if facts.mtp:
        rows.append(("Speculative head", _sidecar(facts.mtp)))
    if facts.drafter:
        rows.append(("Speculative drafter", f"{facts.drafter} via optiq serve --drafter"))
    return tuple(rows)


def change_notice(facts: CardFacts) -> str:
    """What was altered and by whom, as nearly every licence asks."""
    widths = listed([f"{share.bits} bit" for share in facts.widths])
    if facts.measurement or facts.made_by == TOOL:
        parts = [
            f"Changed by {facts.org}: the weights of {facts.components} components were rounded "
            f"to {widths} and packed for MLX"
        ]
    else:
        parts = [
            f"Changed by {facts.org}, with another tool ({facts.made_by}): the weights of "
            f"{facts.components} components were replaced by ones of {widths}, packed for MLX"
        ]
    parts[0] += "; names of tensors and configuration entries follow MLX."
    own = [part.files[0] for part in (facts.vision, facts.mtp) if part and "U32" not in part.dtypes]
    if own:
        verb = "hold" if len(own) > 1 else "holds"
        parts.append(f"{listed(own)} {verb} tensors of the base, repackaged and not quantized.")
    new = ["this card", "those under optiq/"]
    new += ["those under assets/"] if facts.width_chart or facts.score_chart else []
    if any(asks_for_notice(one) for one in (facts.licence, *facts.also_bound_by)):
        new.append(NOTICE_FILE)
    parts.append(f"New files: {listed(new)}.")
    return " ".join(parts)


def licence_terms(licence: LicenceFacts) -> str | None:
    """What a licence wants shown, and its limit: one or two sentences, None for neither."""
    parts = [part.rstrip(".") + "." for part in (licence.shown, licence.limit) if part]
    return " ".join(parts) or None


def licence_label(facts: CardFacts) -> str:
    """The licence by the base's own words."""
    return label_of(facts.licence)


def _sidecar(part: PartSize) -> str:
    """``bf16 sidecar (optiq_vision.safetensors), not quantized``: by the dtypes in its header."""
    names = {"BF16": "bf16", "F16": "fp16", "F32": "fp32"}
    if "U32" in part.dtypes:
        return f"sidecar ({part.files[0]}), quantized"
    kinds = [names[dtype] for dtype in part.dtypes if dtype in names]
    return f"{listed(kinds)} sidecar ({part.files[0]}), not quantized".lstrip()


def who_gets_what(facts: CardFacts) -> str:
    """The widths of a measured allocation, and what decided between them."""
    bits = [share.bits for share in facts.widths]
    if len(bits) == 2:
        return f"Sensitive components go to {bits[1]}-bit, robust ones stay at {bits[0]}-bit."
    return (
        f"Components have {listed([str(one) for one in bits[:-1]])} or {bits[-1]} bit: the more "
        "sensitive one is for its size, the wider."
    )


def _predominant_row(facts: CardFacts) -> list[tuple[str, str]]:
    """By share of parameters; nothing to say of a uniform quant."""
    most = facts.predominant
    if most is None or not facts.is_mixed:
        return []
    return [("Predominant precision", f"{most.bits}-bit ({_share(most)})")]


def _width_rows(facts: CardFacts) -> list[tuple[str, str]]:
    rows = []
    for share in reversed(facts.widths):
        role = ""
        if facts.measurement and facts.is_mixed and share is facts.widths[-1]:
            role = " (sensitive)"
        if facts.measurement and facts.is_mixed and share is facts.widths[0]:
            role = " (robust)"
        rows.append(
            (
                f"Components at {share.bits}-bit{role}",
                f"{share.components} ({_share(share)})",
            )
        )
    return rows


def _share(share: WidthShare | GroupShare) -> str:
    return f"{share.parameter_share:.1%} of quantized parameters"


def _groups(facts: CardFacts) -> str:
    """``64``, or each size with its share where several are in use."""
    shares = facts.group_shares
    if len(shares) < 2:
        return listed([str(size) for size in facts.group_sizes])
    return listed([f"{share.group_size} ({_share(share)})" for share in shares])


def _rounding_rows(facts: CardFacts) -> list[tuple[str, str]]:
    """Nothing for rounding to nearest: that is what every converter does."""
    if facts.rounding not in ROUNDING_WORDS:
        return []
    return [("Rounding", ROUNDING_WORDS[facts.rounding])]


def _kept_rows(facts: CardFacts) -> list[tuple[str, str]]:
    """What stays unquantized: how much, and of the language model the largest kinds."""
    share = facts.unquantized_parameters / facts.parameters if facts.parameters else 0.0
    if not facts.kept and share < SMALLEST_SHARE:
        return []
    shown = [
        f"{kept.kind} ({f'{kept.matrices} x ' if kept.matrices > 1 else ''}{kept.dtype})"
        for kept in facts.kept[:KEPT_SHOWN]
    ]
    rest = len(facts.kept) - len(shown)
    shown += [f"{rest} more kind{'s' if rest > 1 else ''}"] if rest else []
    kinds = f": {listed(shown)}" if shown else ""
    return [("Kept unquantized", f"{share:.1%} of all parameters{kinds}")]


def _expert_rows(facts: CardFacts) -> list[tuple[str, str]]:
    if facts.experts is None:
        return []
    active = f", {facts.active_experts} active for a token" if facts.active_experts else ""
    return [("Routed experts in a layer", f"{facts.experts}{active}")]


def _same_size(facts: CardFacts, theirs: BaselineFacts) -> str:
    """One more sentence where the two differ in size: part of a gain may be bought with bytes."""
    ratio = facts.weights_bytes / theirs.weights_bytes if theirs.weights_bytes else 1.0
    if abs(ratio - 1) <= SAME_SIZE:
        return ""
    return f" This quant is {abs(ratio - 1):.1%} {'larger' if ratio > 1 else 'smaller'}."


def _language_bpw(facts: CardFacts) -> str:
    sidecars = facts.vision or facts.mtp
    return f"; language model alone {facts.language_stored_bpw:.2f}" if sidecars else ""


def _sizes(facts: CardFacts) -> str:
    parts = [
        f"{name} {format_bytes(part.size_bytes)}"
        for name, part in (
            ("language model", facts.language),
            ("vision sidecar", facts.vision),
            ("speculative head", facts.mtp),
        )
        if part
    ]
    total = format_bytes(facts.weights_bytes)
    return f"{total} ({', '.join(parts)})" if len(parts) > 1 else total


def _measurement_rows(facts: CardFacts) -> list[tuple[str, str]]:
    measured = facts.measurement
    if measured is None:
        by = facts.chosen_by or f"{facts.made_by}; not measured by hubtool"
        return [("Widths chosen by", by)]
    reference = REFERENCE_WORDS.get(measured.reference, measured.reference)
    why = "" if measured.reference == "bf16" else f" ({measured.reference_reason})"
    return [
        ("Reference for sensitivity", reference + why),
        (
            "Calibration mix",
            f"{count_words(len(measured.domains))}-domain mix, {measured.samples} samples, "
            f"{measured.tokens} tokens",
        ),
    ]
