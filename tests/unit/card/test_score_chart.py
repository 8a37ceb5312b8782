"""The chart of scores, read back pixel by pixel, and its alt text."""

from __future__ import annotations

import dataclasses

import pytest
from PIL import Image, ImageColor

from hubtool.card.charts import scores_alt
from hubtool.card.score_chart import BASELINE, CANDIDATE, draw_scores
from hubtool.scores.capability import Comparison
from tests.support.pictures import CARD_BYTES_LIMIT, HOSTILE, coloured, decoded


def row(name: str, percent: float, baseline: float | None = None, **more: object) -> Comparison:
    alone = Comparison(
        benchmark=name.lower(),
        display_name=name,
        metric="accuracy",
        n=500,
        candidate_percent=percent,
        candidate_interval=(percent - 3, percent + 3),
    )
    if baseline is not None:
        more |= {
            "baseline_percent": baseline,
            "baseline_interval": (baseline - 4, baseline + 4),
            "delta_points": percent - baseline,
        }
    return dataclasses.replace(alone, **more)


def span(picture: Image.Image, colour: str, top: int, bottom: int) -> tuple[int, int]:
    """(left, right) end of what has ``colour`` between two heights, left of the figures."""
    found = coloured(picture, colour)[top:bottom, :-300].any(axis=0).nonzero()[0]
    return int(found.min()), int(found.max())


def test_whiskers_lie_where_their_intervals_are() -> None:
    picture = decoded(draw_scores([row("A", 50.0, 60.0)], "org/base"))
    ours, theirs = (span(picture, colour, 150, 230) for colour in (CANDIDATE, BASELINE))
    scale = (theirs[1] - ours[0]) / (64 - 47)  # pixels a point
    assert (ours[1] - ours[0]) / scale == pytest.approx(6, abs=0.2)
    assert (theirs[1] - theirs[0]) / scale == pytest.approx(8, abs=0.2)


def test_hostile_names_are_drawn_as_plain_short_text(recwarn: pytest.WarningsRecorder) -> None:
    assert decoded(draw_scores([row(HOSTILE, 50.0, 40.0)], HOSTILE)).width == 1600
    assert not recwarn.list


def test_without_a_baseline_only_one_side_is_drawn_and_told() -> None:
    rows = [row("MMLU (5-shot)", 57.71), row("GSM8K", 4.0, partial=True)]
    colours = decoded(draw_scores(rows, "")).convert("RGB").getcolors(1 << 20)
    assert ImageColor.getrgb(BASELINE) not in {colour for _, colour in colours}
    assert scores_alt(rows, "") == (
        "Benchmark scores of this model, in percent, with 95 % intervals: "
        "MMLU (5-shot) 57.7 (54.7 to 60.7); GSM8K (cut short) 4.0 (1.0 to 7.0)."
    )


def test_a_note_takes_no_room_from_the_name() -> None:
    def whisker(**notes: object) -> tuple[int, int]:
        name = "MMLU (5-shot, first 1000 of 14042 items)"  # wider than any note
        return span(decoded(draw_scores([row(name, 50.0, 60.0, **notes)], "")), CANDIDATE, 150, 230)

    plain = whisker()
    assert whisker(partial=True, differs=("n",), undisclosed=("few_shot",)) == plain
    assert plain[0] > 44 + 400  # the whole name stands left of it


def test_alt_text_of_scores_tells_both_sides() -> None:
    rows = [
        row("MMLU", 57.7, 57.4, undisclosed=("harness",)),
        row("BFCL", 88.0, 84.0, differs=("few_shot",), partial=True),
    ]
    assert scores_alt(rows, "org/base") == (
        "Benchmark scores of this model against org/base, in percent, with 95 % intervals: "
        "MMLU (not all settings told) 57.7 (54.7 to 60.7) against 57.4 (53.4 to 61.4); "
        "BFCL (cut short, settings differ) 88.0 (85.0 to 91.0) against 84.0 (80.0 to 88.0)."
    )


@pytest.mark.parametrize("count", [1, 12])
def test_scores_keep_their_size_and_bytes(count: int) -> None:
    rows = [
        row(f"Benchmark {number} {'long ' * 40}", 5.0 + 8 * number, 50.0) for number in range(count)
    ]
    png = draw_scores(rows, "organisation/" + "model-" * 40)
    assert png == draw_scores(rows, "organisation/" + "model-" * 40)
    assert len(png) < CARD_BYTES_LIMIT
    assert decoded(png).size == (1600, 256 + 64 * count)


@pytest.mark.parametrize("percent", [0.0, 100.0])
def test_scores_at_the_ends_are_drawn(percent: float) -> None:
    at_end = row("A", percent, candidate_interval=(max(0.0, percent - 4), min(100.0, percent + 4)))
    left, right = span(decoded(draw_scores([at_end], "")), CANDIDATE, 150, 230)
    assert 80 < left < right < 1300
