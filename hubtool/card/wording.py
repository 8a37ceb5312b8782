"""Numbers to sentences. What a card claims follows from the numbers, never the other way."""

from __future__ import annotations

from collections.abc import Sequence

from hubtool.card.facts import CardFacts
from hubtool.card.provenance import LicenceFacts
from hubtool.console import format_bytes
from hubtool.scores.capability import Capability

SIGNIFICANT = 1.96  # standard errors: the two-sided 95 % interval of a normal distribution

DOMAIN_WORDS = {
    "tool_call": "tool-call",
    "constraints": "constraint-bearing instructions",
}
REFERENCE_WORDS = {"bf16": "bf16 base", "uniform4": "uniform-4-bit baseline"}


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def domain_words(domains: Sequence[str]) -> str:
    """The calibration domains as a reader knows them."""
    return ", ".join(DOMAIN_WORDS.get(domain, domain) for domain in domains)


def count_words(number: int) -> str:
    """Small numbers as words: ``six``."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)


def mean_name(capability: Capability) -> str:
    """The full score's name only for the full score."""
    if capability.complete:
        return "Capability Score (mean)"
    count = len(capability.rows)
    return f"Mean of {count} benchmark{'s' if count > 1 else ''} (not the Capability Score)"


def claim(facts: CardFacts) -> str | None:
    """One sentence on the comparison; ``beats`` only beyond the noise of the mean."""
    capability = facts.capability
    if capability is None or capability.delta_points is None:
        return None
    delta = f"{capability.delta_points:+.2f}"
    what = "Capability Score points" if capability.complete else "points on the benchmarks below"
    against = facts.baseline_repo or "its baseline"
    noise = capability.noise_points
    if noise is None:
        return f"It scores {delta} {what} against {against}; how much of that is noise is unknown."
    reach = SIGNIFICANT * noise
    if abs(capability.delta_points) <= reach:
        return (
            f"It scores {delta} {what} against {against}, which lies within the noise of the "
            f"comparison (95 % interval: {capability.delta_points - reach:+.2f} to "
            f"{capability.delta_points + reach:+.2f})."
        )
    verb = "beats" if capability.delta_points > 0 else "falls behind"
    return f"It {verb} {against} by {abs(capability.delta_points):.2f} {what}."


def gains_and_losses(capability: Capability) -> str | None:
    """Which tasks moved: the largest gains, and every one that fell."""
    moved = [row for row in capability.rows if row.delta_points is not None]
    if not moved:
        return None
    gains = sorted(
        (row for row in moved if round(row.delta_points or 0, 1) > 0),
        key=lambda row: -(row.delta_points or 0),
    )[:2]
    losses = [row for row in moved if round(row.delta_points or 0, 1) < 0]
    parts = []
    if gains:
        verb = "gains are" if len(gains) > 1 else "gain is"
        parts.append(f"The largest {verb} on {listed([_moved(row) for row in gains])}.")
    if losses:
        parts.append(f"It is lower on {listed([_moved(row) for row in losses])}.")
    return " ".join(parts) or "No task moved by a tenth of a point."


def detail_rows(facts: CardFacts) -> tuple[tuple[str, str], ...]:
    """The table of quantization details: (property, value) as plain text."""
    rows = [
        ("Base", facts.base_repo + (" (QAT)" if facts.qat_evidence else "")),
        ("Base revision", facts.base_revision),
        (
            "Predominant precision",
            f"{facts.predominant_bits}-bit ({facts.predominant_share:.1%} of quantized parameters)",
        ),
        *_width_rows(facts),
        ("Total quantized components", str(facts.components)),
        ("Bits per weight, nominal (allocation only)", f"{facts.nominal_bpw:.2f}"),
        (
            "Bits per weight, stored (all weights on disk)",
            f"{facts.stored_bpw:.2f}" + _language_bpw(facts),
        ),
        ("Size of the weights", _sizes(facts)),
        ("Group size", listed([str(size) for size in facts.group_sizes])),
        *_measurement_rows(facts),
    ]
    if facts.vision:
        rows.append(("Vision", f"bf16 sidecar ({facts.vision.files[0]}), not quantized"))
    if facts.mtp:
        rows.append(("Speculative head", f"sidecar ({facts.mtp.files[0]}), not quantized"))
    if facts.drafter:
        rows.append(("Speculative drafter", f"{facts.drafter} via optiq serve --drafter"))
    return tuple(rows)


def change_notice(facts: CardFacts) -> str:
    """What was altered and by whom, as nearly every licence asks."""
    widths = listed([f"{share.bits} bit" for share in facts.widths])
    parts = [
        f"Changed by {facts.org}: the weights of {facts.components} components were rounded to "
        f"{widths} and packed for MLX; names of tensors and configuration entries follow MLX."
    ]
    if facts.vision:
        parts.append(
            f"The tensors in {facts.vision.files[0]} are the base's own, repackaged and not "
            "quantized."
        )
    if facts.mtp:
        parts.append(f"So are those in {facts.mtp.files[0]}.")
    parts.append("New files: this card and those under optiq/.")
    return " ".join(parts)


def licence_terms(licence: LicenceFacts) -> str | None:
    """What a licence wants shown, and its limit: one or two sentences, None for neither."""
    parts = [part.rstrip(".") + "." for part in (licence.shown, licence.limit) if part]
    return " ".join(parts) or None


def licence_label(facts: CardFacts) -> str:
    """The licence by the base's own words."""
    shown = ", ".join(facts.licence.identifiers)
    return f"{facts.licence.name} ({shown})" if facts.licence.name else shown


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
                f"{share.components} ({share.parameter_share:.1%} of quantized parameters)",
            )
        )
    return rows


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
        return [("Widths chosen by", f"{facts.made_by}; not measured by hubtool")]
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


def _moved(row: object) -> str:
    name = getattr(row, "display_name", "").split(" (")[0]
    return f"{name} ({getattr(row, 'delta_points', 0):+.1f})"
