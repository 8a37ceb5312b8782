"""Scores to sentences: when ``beats`` is allowed, what fell, what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hubtool.card.facts import CardFacts
from hubtool.card.phrases import count_words, listed, signed
from hubtool.scores.capability import Capability, Comparison
from hubtool.scores.noise import LEVEL_PERCENT, Z95

# setting -> (what differs, what only one side tells)
SETTING_WORDS = {
    "variant": ("another variant of the task", "the variant of the task"),
    "metric": ("another metric", "the metric"),
    "filter": ("another answer filter", "the answer filter"),
    "n": ("another number of items", "the number of items"),
    "few_shot": ("other examples in the prompt", "the number of examples in the prompt"),
    "harness": ("another harness", "the harness"),
    "harness_version": ("another version of the harness", "the version of the harness"),
    "task_version": ("another version of the task", "the version of the task"),
}


def mean_name(capability: Capability) -> str:
    """The full score's name only for the full score."""
    if capability.complete:
        return "Capability Score (mean)"
    count = len(capability.rows)
    return f"Mean of {count} benchmark{'s' if count > 1 else ''} (not the Capability Score)"


def claim(facts: CardFacts) -> str | None:
    """One sentence on the comparison; ``beats`` only beyond the noise of the mean.

    None without a baseline, and where the two sides were not measured alike.
    Where only one side tells a setting, the difference is given and not judged.
    """
    capability = facts.capability
    if capability is None or not capability.comparable:
        return None
    delta_points, noise = capability.delta_points, capability.noise_points
    if delta_points is None or noise is None:
        return None
    what = "Capability Score points" if capability.complete else _mean_points(capability)
    against = facts.baseline_repo or "its baseline"
    reach = Z95 * noise
    scores = f"It scores {signed(delta_points)} {what} against {against}"
    span = (
        f"{LEVEL_PERCENT} % interval: {signed(delta_points - reach)} to "
        f"{signed(delta_points + reach)}"
    )
    if abs(delta_points) <= reach:
        return f"{scores}, which lies within the noise of the comparison ({span})."
    if not capability.disclosed:
        return f"{scores} ({span}); whether both were measured alike is not known."
    verb = "beats" if delta_points > 0 else "falls behind"
    return f"It {verb} {against} by {abs(delta_points):.2f} {what}."


def row_delta(row: Comparison) -> str:
    """``+0.3 (±4.3)``: the difference, and half of its 95 % interval; none of unlike runs."""
    if row.differs or row.delta_points is None or row.noise_points is None:
        return "not comparable"
    return f"{signed(row.delta_points, 1)} (±{Z95 * row.noise_points:.1f})"


def mean_delta(capability: Capability) -> str:
    """As :func:`row_delta`, of the means."""
    delta_points, noise = capability.delta_points, capability.noise_points
    if not capability.comparable or delta_points is None or noise is None:
        return "not comparable"
    return f"{signed(delta_points)} (±{Z95 * noise:.2f})"


def differences(capability: Capability) -> str | None:
    """What keeps two sides from being compared, None if nothing does."""
    parts = [
        f"{_short_name(row)} ({listed([SETTING_WORDS[name][0] for name in row.differs])})"
        for row in capability.all_rows
        if row.differs
    ]
    if not parts:
        return None
    return f"The two sides were not measured alike: {'; '.join(parts)}."


def undisclosed(capability: Capability) -> str | None:
    """The settings that one side alone tells, None if there are none."""
    parts = [
        f"{listed([SETTING_WORDS[name][1] for name in settings])} of {listed(names)}"
        for settings, names in _alike((row.undisclosed, row) for row in capability.all_rows)
    ]
    if not parts:
        return None
    return f"Only one side tells {'; '.join(parts)}: whether both were measured alike is not known."


def doubts(capability: Capability) -> tuple[str, ...]:
    """What a reader must know before comparing: unlike, untold and missing things."""
    found = (differences(capability), undisclosed(capability), one_sided(capability))
    return tuple(text for text in (*found, assumed_items(capability)) if text)


def assumed_items(capability: Capability) -> str | None:
    """Numbers of items that no file states, and where they are from; None if there are none."""
    parts = [
        f"The number of items of {listed(names)} is in no score file: it is taken from {origin}."
        for (origin,), names in _alike(
            ((row.n_from,) if row.n_from else (), row) for row in capability.all_rows
        )
    ]
    return " ".join(parts) or None


def one_sided(capability: Capability) -> str | None:
    """Benchmarks that one side alone was measured on, None if there are none."""
    parts = [
        f"{listed(names)} on {whose}"
        for names, whose in (
            (capability.candidate_only, "this model"),
            (capability.baseline_only, "the baseline"),
        )
        if names
    ]
    return f"Left out, since only one side was measured: {'; '.join(parts)}." if parts else None


def paired_words(capability: Capability) -> str | None:
    """What the paired comparisons say, None if there are none."""
    parts = [
        f"{_short_name(row)}: {row.paired.only_candidate} items only here, "
        f"{row.paired.only_baseline} only there, p = {row.paired.p_value:.2f}"
        for row in capability.all_rows
        if row.paired
    ]
    return f"Over the same items (McNemar's exact test): {'; '.join(parts)}." if parts else None


def gains_and_losses(capability: Capability) -> str | None:
    """Which tasks moved: the largest gains, and every one that fell; unlike runs are left out."""
    moved = [
        (row, row.delta_points)
        for row in capability.all_rows
        if row.delta_points is not None and not row.differs
    ]
    if not moved:
        return None
    ordered = sorted(moved, key=lambda pair: pair[1])
    gains = [row for row, delta in reversed(ordered) if round(delta, 1) > 0][:2]
    losses = [row for row, delta in ordered if round(delta, 1) < 0]
    parts = []
    if gains:
        verb = "gains are" if len(gains) > 1 else "gain is"
        parts.append(f"The largest {verb} on {listed([_moved(row) for row in gains])}.")
    if losses:
        parts.append(f"It is lower on {listed([_moved(row) for row in losses])}.")
    return " ".join(parts) or "No task moved by a tenth of a point."


def score_source(facts: CardFacts) -> str | None:
    """Where the scores are from, which counts no file states, and how figures were made."""
    capability = facts.capability
    if capability is None:
        return None
    parts = [f"Source: optiq/scores.json (from {', '.join(facts.score_files)})."]
    parts += [assumed_items(capability) or ""]
    if capability.baseline_mean is None:
        parts.append("The mean is computed from unrounded values and rounded once.")
    else:
        if any(row.noise_points is not None and not row.differs for row in capability.all_rows):
            parts.append(f"± spans the {LEVEL_PERCENT} % interval of a delta.")
        parts.append("Deltas and means are computed from unrounded values and rounded once.")
    return " ".join(part for part in parts if part)


def _alike(
    found: Iterable[tuple[tuple[str, ...], Comparison]],
) -> Sequence[tuple[tuple[str, ...], list[str]]]:
    """(what, short names of the rows that share it), without the rows that have nothing."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for what, row in found:
        if what:
            groups.setdefault(what, []).append(_short_name(row))
    return tuple(groups.items())


def _mean_points(capability: Capability) -> str:
    count = len(capability.rows)
    return f"points on the mean of {count_words(count)} benchmark{'s' if count > 1 else ''}"


def _moved(row: Comparison) -> str:
    delta_points, reach = row.delta_points or 0, Z95 * (row.noise_points or 0)
    doubt = ", not all settings told" if row.undisclosed else ""
    doubt = ", within its noise" if abs(delta_points) <= reach else doubt
    return f"{_short_name(row)} ({signed(delta_points, 1)}{doubt})"


def _short_name(row: Comparison) -> str:
    """The benchmark without its setting."""
    return row.display_name.split(" (")[0]
