"""The picture of the scores: a dot a side and benchmark, with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hubtool.card.chart_sheet import GRID, SOFT_INK, Sheet, open_sheet
from hubtool.scores.capability import Comparison

WIDTH = 1600
PAD = 44
ROW = 64
APART = 13  # pixels of each side's dot from the middle of its row
LABEL = 560  # pixels, at most; longer names are cut
LINE = 13  # pixels of each line from the middle of its row, where a note stands below the name
VALUE = 112  # pixels of one column of figures
DOT = 15
POINTS = 8.5
# shapes differ as well as colours: 6.4 : 1 and 4.6 : 1 on the card, blue and orange to all eyes
CANDIDATE, BASELINE = "#1d5a94", "#b3570a"
MARKS = {CANDIDATE: "o", BASELINE: "D"}
CANDIDATE_NAME = "this model"


class _Side(NamedTuple):
    colour: str
    name: str
    values: tuple[float | None, ...]
    intervals: tuple[tuple[float, float] | None, ...]


class _Label(NamedTuple):
    name: str
    note: str  # below the name; may be empty
    width: float  # pixels

    def write(self, sheet: Sheet, x: float, y: float) -> None:
        sheet.write(x, y - LINE if self.note else y, self.name, POINTS, align="right")
        if self.note:
            sheet.write(x, y + LINE, self.note, POINTS - 1, colour=SOFT_INK, align="right")


def draw_scores(rows: Sequence[Comparison], baseline_name: str) -> bytes:
    """A PNG of one or more benchmarks, in percent: candidate against baseline, dot by dot.

    Whiskers are 95 % intervals. The scale covers the scores, not always 0 to
    100. Rows without a baseline show the candidate alone.
    """
    sides = _sides(rows, baseline_name)
    with open_sheet() as sheet:
        bottom = _head(sheet, sides)
        labels = [_label(sheet, row) for row in rows]
        left = round(PAD + max(label.width for label in labels)) + 40
        right = WIDTH - PAD - VALUE * len(sides)
        low, high = _range(sides)
        scale = (right - 40 - left) / (high - low)

        def place(percent: float) -> float:
            return left + (percent - low) * scale

        middles = [bottom + 38 + number * ROW + ROW // 2 for number in range(len(rows))]
        _ruler(sheet, {tick: place(tick) for tick in _ticks(low, high)}, bottom + 38, len(rows))
        for label, y in zip(labels, middles, strict=True):
            label.write(sheet, left - 40, y)
        for number, side in enumerate(sides):
            shift = 0 if len(sides) == 1 else APART if number else -APART
            column = right + VALUE * (number + 1)
            _figures(sheet, side, middles, column, bottom + 14)
            shown = [
                (place(value), y + shift, reach)
                for value, reach, y in zip(side.values, side.intervals, middles, strict=True)
                if value is not None
            ]
            sheet.lines(
                [(place(reach[0]), y, place(reach[1]), y) for _, y, reach in shown if reach],
                side.colour,
                4,
            )
            sheet.dots([(x, y) for x, y, _ in shown], side.colour, MARKS[side.colour], DOT)
        return sheet.png(WIDTH, middles[-1] + ROW // 2 + 34 + PAD)


def notes_on(row: Comparison) -> tuple[str, ...]:
    """What a reader must know of a row before its figures."""
    found = {
        "cut short": row.partial,
        "settings differ": bool(row.differs),
        "not all settings told": bool(row.undisclosed),
    }
    return tuple(name for name, holds in found.items() if holds)


def _label(sheet: Sheet, row: Comparison) -> _Label:
    name = sheet.fit(row.display_name, POINTS, LABEL)
    note = sheet.fit(", ".join(notes_on(row)), POINTS - 1, LABEL)
    return _Label(name, note, max(sheet.measure(name, POINTS), sheet.measure(note, POINTS - 1)))


def _sides(rows: Sequence[Comparison], baseline_name: str) -> list[_Side]:
    ours = _Side(
        CANDIDATE,
        CANDIDATE_NAME,
        tuple(row.candidate_percent for row in rows),
        tuple(row.candidate_interval for row in rows),
    )
    theirs = _Side(
        BASELINE,
        baseline_name or "baseline",
        tuple(row.baseline_percent for row in rows),
        tuple(row.baseline_interval for row in rows),
    )
    return [ours] if all(value is None for value in theirs.values) else [ours, theirs]


def _head(sheet: Sheet, sides: Sequence[_Side]) -> int:
    """Title and legend; returns how far down they reach."""
    sheet.write(PAD, PAD + 14, "Benchmark scores in percent", 11, bold=True)
    x, y = PAD, PAD + 66
    for side in sides:
        sheet.lines([(x, y, x + 44, y)], side.colour, 4)
        sheet.dots([(x + 22, y)], side.colour, MARKS[side.colour], DOT)
        name = sheet.fit(side.name, POINTS, 820)
        sheet.write(x + 58, y, name, POINTS)
        x += 58 + round(sheet.measure(name, POINTS)) + 44
    sheet.write(x, y, "line: 95 % interval", POINTS, colour=SOFT_INK)
    return y + 30


def _figures(sheet: Sheet, side: _Side, middles: Sequence[int], x: int, head: int) -> None:
    """A column of figures under the side's mark."""
    half = round(sheet.measure("00.0", POINTS) / 2)
    sheet.dots([(x - half, head)], side.colour, MARKS[side.colour], DOT)
    for value, y in zip(side.values, middles, strict=True):
        text = "–" if value is None else f"{value:.1f}"
        sheet.write(x, y, text, POINTS, colour=side.colour, align="right")


def _range(sides: Sequence[_Side]) -> tuple[int, int]:
    """Whole tens around all values and intervals, 20 points apart at least."""
    values = [value for side in sides for value in side.values if value is not None]
    ends = [end for side in sides for reach in side.intervals if reach for end in reach]
    low = math.floor(min(values + ends) / 10) * 10
    high = math.ceil(max(values + ends) / 10) * 10
    if high - low < 20:
        low, high = (low, low + 20) if low <= 80 else (high - 20, high)
    return low, high


def _ticks(low: int, high: int) -> range:
    step = 5 if high - low <= 30 else 10 if high - low <= 60 else 20
    return range(-(-low // step) * step, high + 1, step)


def _ruler(sheet: Sheet, ticks: dict[int, float], top: int, rows: int) -> None:
    bottom = top + rows * ROW
    sheet.lines([(x, top, x, bottom) for x in ticks.values()], GRID)
    for tick, x in ticks.items():
        sheet.write(x, bottom + 22, f"{tick} %", POINTS - 1, colour=SOFT_INK, align="center")
