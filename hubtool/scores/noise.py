"""How sure a score is: intervals of a share, and the comparison of two over the same items."""

from __future__ import annotations

import dataclasses
import math

from hubtool.scores.record import Score

LEVEL_PERCENT = 95  # of every interval that is shown
Z95 = 1.959963984540054  # standard errors on each side of a 95 % interval


@dataclasses.dataclass(frozen=True)
class Paired:
    """Two models over the same items: how many items only one of them got right.

    ``p_value`` is McNemar's exact one, two-sided: how often chance alone would
    split the items this unevenly.
    """

    only_candidate: int  # items
    only_baseline: int  # items
    p_value: float  # McNemar's, two-sided


def given_error(score: Score) -> float | None:
    """The harness's own standard error in points, where it says more than the counts do.

    None beside a count, and for 0.0: a harness prints that where none or all
    of a few items were right, and it would make the score certain.
    """
    return score.stderr_percent or None if score.correct is None else None


def interval(score: Score) -> tuple[float, float]:
    """The 95 % interval of a score, in percent.

    Of a given error (:func:`given_error`) the normal one, cut at 0 and 100;
    else Wilson's for a share of ``n`` items (E. B. Wilson, 1927).
    """
    error = given_error(score)
    if error is not None:
        reach = Z95 * error
        return max(0.0, score.value_percent - reach), min(100.0, score.value_percent + reach)
    return wilson(score.value_percent / 100, score.n)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval in percent for a share (0 to 1) of ``n`` items."""
    spread = Z95**2 / n
    centre = (share + spread / 2) / (1 + spread)
    reach = Z95 / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return 100 * max(0.0, centre - reach), 100 * min(1.0, centre + reach)


def standard_error(score: Score) -> float:
    """Points: the one given (:func:`given_error`), else sqrt(p (1 - p) / n).

    Of none or all that formula says 0, as if it were certain: there it is half
    of Wilson's interval over its width in standard errors.
    """
    error = given_error(score)
    if error is not None:
        return error
    share = score.value_percent / 100
    if share in (0.0, 1.0):
        low, high = wilson(share, score.n)
        return (high - low) / (2 * Z95)
    return 100 * math.sqrt(share * (1 - share) / score.n)


def pair(candidate: Score, baseline: Score) -> Paired | None:
    """The paired comparison, where both sides list what they failed of equally many items."""
    ours, theirs = candidate.failed_items, baseline.failed_items
    if ours is None or theirs is None or candidate.n != baseline.n:
        return None
    only_candidate = len(set(theirs) - set(ours))
    only_baseline = len(set(ours) - set(theirs))
    return Paired(only_candidate, only_baseline, mcnemar(only_candidate, only_baseline))


def paired_error(paired: Paired, n: int) -> float:
    """Standard error, in points, of the difference of two shares over the same ``n`` items.

    sqrt(b + c - (b - c)^2 / n) / n, with b and c the items that one side alone got right.
    """
    apart = paired.only_candidate + paired.only_baseline
    shift = paired.only_candidate - paired.only_baseline
    return 100 * math.sqrt(max(apart - shift**2 / n, 0.0)) / n


def mcnemar(one: int, other: int) -> float:
    """Two-sided exact p-value of McNemar's test: a fair coin thrown ``one + other`` times."""
    throws, least = one + other, min(one, other)
    tail = math.fsum(
        math.exp(
            math.lgamma(throws + 1)
            - math.lgamma(k + 1)
            - math.lgamma(throws - k + 1)
            - throws * math.log(2)
        )
        for k in range(least + 1)
    )
    return min(1.0, 2 * tail)
