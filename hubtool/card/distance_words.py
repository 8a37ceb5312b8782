"""How far a quant is from its base, in words and rows: a card's and the terminal's."""

from __future__ import annotations

import math
from collections.abc import Callable

from hubtool.quantize.distance import Distance, Estimate
from hubtool.quantize.verification import UniformTwin, Verification
from hubtool.scores.noise import LEVEL_PERCENT

SAME_SIZE = 0.01  # relative difference of stored bits


def distance_rows(verification: Verification) -> list[tuple[str, ...]]:
    """(measure, this quant, uniform quant) of each figure; two cells where there is no uniform."""
    ours, twin = verification.distance, verification.uniform
    if ours is None:
        return []
    sides = [ours, twin.distance] if twin else [ours]
    sizes = [verification.stored_bpw, twin.stored_bpw] if twin else [verification.stored_bpw]
    rows: list[tuple[str, Callable[[Distance], str]]] = [
        ("KL to the base, nats a token", lambda one: _spread(one.mean_nats, nats)),
        ("KL, 99th percentile", lambda one: _spread(one.p99_nats, nats)),
        ("Same most likely token", lambda one: _spread(one.top1_agreement, _percent)),
        ("Perplexity over the base's", lambda one: _spread(one.perplexity_ratio, _times)),
    ]
    return [
        ("Stored bits per weight", *(f"{size:.2f}" for size in sizes)),
        *((title, *(shown(side) for side in sides)) for title, shown in rows),
    ]


def uniform_name(twin: UniformTwin) -> str:
    """``Uniform 5-bit, groups of 64``."""
    return f"Uniform {twin.bits}-bit, groups of {twin.group_size}"


def uniform_comparison(verification: Verification) -> str | None:
    """One sentence on both quants; nearer or farther only beyond the noise, None without both."""
    twin = verification.uniform
    if twin is None:
        return None
    ratio = twin.kl_ratio
    reach = f"{LEVEL_PERCENT} % interval: {_times(ratio.low)} to {_times(ratio.high)}"
    said = f"it diverges {_times(ratio.value)} times as much as this one ({reach})"
    if ratio.low > 1:
        said = f"the uniform quant is farther from the base: {said}"
    elif ratio.high < 1:
        said = f"the uniform quant is nearer to the base: {said}"
    else:
        said = f"the uniform quant is as near to the base, within the noise: {said}"
    larger = twin.stored_bpw / verification.stored_bpw - 1
    size = f" It is {larger:.1%} larger." if larger > SAME_SIZE else ""
    return f"On this text {said}.{size}"


def nats(value: float) -> str:
    """Three significant digits, without an exponent: ``0.0720``."""
    if value <= 0:
        return "0"
    return f"{value:.{max(2, 2 - math.floor(math.log10(value)))}f}"


def _spread(estimate: Estimate, shown: Callable[[float], str]) -> str:
    return f"{shown(estimate.value)} ({shown(estimate.low)} to {shown(estimate.high)})"


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _times(ratio: float) -> str:
    """Two digits behind the point; more where those would say 1 of what is not 1."""
    return f"{ratio:.2f}" if abs(ratio - 1) >= 0.1 else f"{ratio:.3f}"
