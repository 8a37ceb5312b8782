"""The picture of a quant's widths: one row a kind of component, one column a layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hubtool.artifact.components import ComponentBits
from hubtool.card.chart_sheet import CARD, INK, SOFT_INK, Box, Sheet, open_sheet
from hubtool.card.width_grid import Cell, Stack, WidthGrid, grid_of

# Darker is wider. The widths that MLX has (2, 3, 4, 5, 6, 8) lie 10 or more of CIE lightness
# apart, from 86 down to 19: the order shows in grey and to every kind of colour vision.
SHADES = {
    1: "#f3eba6",
    2: "#e2da82",
    3: "#a6c47a",
    4: "#56a583",
    5: "#2a8290",
    6: "#28608a",
    7: "#2a4676",
    8: "#24285c",
}
WIDER_THAN_8 = "#0e0b1e"
ABSENT = "#9aa1ac"
PAD = 44
LABEL_GAP = 16
SWATCH = 30
TITLE = "Bits per layer by component kind"


@dataclasses.dataclass(frozen=True)
class ChartSize:
    """How large a width chart gets. Lengths in pixels, sizes of text in points."""

    width: int  # at least
    columns_width: int | None  # at most, all together; None: what the labels leave of the width
    cell: int  # of one column, at most
    row: int
    label: int  # at most; longer names are cut
    most_rows: int
    points: float
    cell_points: float


ON_CARD = ChartSize(1600, None, 56, 40, 480, 16, 8.5, 7)
WHOLE_MAP = ChartSize(1600, 4400, 44, 44, 1000, 64, 9, 8.5)


def colour_of(bits: int) -> str:
    """The colour of a width, the same in every picture."""
    return SHADES.get(bits, WIDER_THAN_8)


def draw_widths(components: Sequence[ComponentBits], size: ChartSize = ON_CARD) -> bytes:
    """A PNG of every component's width: one row a kind, one column a layer.

    What has no layer number stands below. A cell of several components
    (experts) is banded in proportion to their number. A kind that a layer has
    not, or not quantized, is a dash.
    """
    grid = grid_of(components, most_rows=size.most_rows)
    with open_sheet() as sheet:
        return _Drawing(sheet, size, grid).png()


class _Drawing:
    """One picture in the making: ``y`` is how far down it has come."""

    def __init__(self, sheet: Sheet, size: ChartSize, grid: WidthGrid) -> None:
        self.sheet, self.size, self.grid = sheet, size, grid
        labels = [row.label for stack in grid.stacks for row in stack.rows]
        labels += [label for label, _ in grid.outside]
        self.labels = {
            label: sheet.fit(label, size.points, size.label, keep="end") for label in labels
        }
        widths = [sheet.measure(shown, size.points) for shown in self.labels.values()]
        self.left = round(PAD + max(widths, default=0) + LABEL_GAP)
        columns = max((len(stack.layers) for stack in grid.stacks), default=1)
        room = size.columns_width or size.width - self.left - PAD
        cell = min(size.cell, room / columns)
        self.cell = float(int(cell)) if cell >= 4 else cell  # whole pixels: even gaps
        self.width = max(size.width, round(self.left + self.cell * columns + PAD))
        self.y = PAD
        self.boxes: list[Box] = []
        self.colours: list[str] = []

    def png(self) -> bytes:
        self._head()
        for stack in self.grid.stacks:
            self._stack(stack)
        if self.grid.outside:
            self._outside()
        self.sheet.boxes(self.boxes, self.colours)
        return self.sheet.png(self.width, self.y + PAD - 12)

    def _head(self) -> None:
        """The title, and the legend: each width with the number of its components."""
        self.sheet.write(PAD, self.y + 14, TITLE, 11, bold=True)
        self.y += 66
        x = PAD
        counts = self.grid.counts
        for bits in sorted(counts):
            one = counts[bits] == 1
            text = f"{bits} bit: {counts[bits]:,} component{'' if one else 's'}"
            x = self._legend(x, text, ((bits, 1),))
        if not counts:
            self._legend(x, "no quantized component", None)
        if counts and self.grid.has_gaps:
            x = self._legend(x, "none, or not quantized", None)
        mixed = self.grid.mixed_cell
        if mixed:
            self._legend(x, "several widths in one cell", mixed)
        self.y += 50

    def _legend(self, x: int, text: str, cell: Cell | None) -> int:
        width = SWATCH + 12 + round(self.sheet.measure(text, self.size.points))
        if x > PAD and x + width > self.width - PAD:
            x, self.y = PAD, self.y + SWATCH + 14
        self._fill((x, self.y - SWATCH // 2, SWATCH, SWATCH), cell)
        self.sheet.write(x + SWATCH + 12, self.y, text, self.size.points)
        return x + width + 40

    def _stack(self, stack: Stack) -> None:
        if len(self.grid.stacks) > 1:
            self._heading(stack.title)
        gap = 3 if self.cell >= 18 else 2 if self.cell >= 8 else 1 if self.cell >= 4 else 0
        for row in stack.rows:
            self._label(row.label)
            for column, layer in enumerate(stack.layers):
                x = self.left + column * self.cell
                box = (x, self.y, self.cell - gap, self.size.row - 4)
                self._fill(box, row.cells.get(layer), written=True)
            self.y += self.size.row
        self._ticks(stack, gap)
        self.y += 56

    def _ticks(self, stack: Stack, gap: int) -> None:
        """Layer numbers below the columns, as many as have room."""
        sheet, points = self.sheet, self.size.points - 1
        room = sheet.measure(str(stack.layers[-1]), points) + 10
        step = next(
            step
            for step in (10**power * digit for power in range(7) for digit in (1, 2, 5))
            if step * self.cell >= room
        )
        y = self.y + 14
        sheet.write(self.left - LABEL_GAP, y, "layer", points, colour=SOFT_INK, align="right")
        taken = 0.0
        for column, layer in enumerate(stack.layers):
            x = self.left + column * self.cell + (self.cell - gap) / 2
            if layer % step == 0 and x - room / 2 >= taken:
                sheet.write(x, y, str(layer), points, colour=SOFT_INK, align="center")
                taken = x + room / 2

    def _outside(self) -> None:
        if self.grid.stacks:
            self._heading("outside the layers")
        for label, cell in self.grid.outside:
            self._label(label)
            side = self.size.row - 4
            self._fill((self.left, self.y, side, side), cell)
            widths = [f"{bits} bit" + (f" × {n:,}" if n > 1 else "") for bits, n in cell]
            x, points = self.left + side + LABEL_GAP, self.size.points
            text = self.sheet.fit(", ".join(widths), points, self.width - PAD - x)
            self.sheet.write(x, self.y + side / 2, text, points)
            self.y += self.size.row
        self.y += 4

    def _heading(self, text: str) -> None:
        points = self.size.points
        shown = self.sheet.fit(text, points, self.width - 2 * PAD, bold=True)
        self.sheet.write(PAD, self.y + 14, shown, points, colour=SOFT_INK, bold=True)
        self.y += 44

    def _label(self, label: str) -> None:
        x, y = self.left - LABEL_GAP, self.y + self.size.row / 2 - 2
        self.sheet.write(x, y, self.labels[label], self.size.points, align="right")

    def _fill(self, box: Box, cell: Cell | None, *, written: bool = False) -> None:
        """One cell: its colour, bands where it holds several widths, a dash where nothing is."""
        x, y, width, height = box
        if cell is None:
            dash = min(width, 12)
            self._box((x + (width - dash) // 2, y + height // 2 - 2, dash, 3), ABSENT)
            return
        for (bits, _), (top, band) in zip(cell, _bands(cell, round(height)), strict=True):
            self._box((x, y + top, width, band), colour_of(bits))
        points = self.size.cell_points
        if written and len(cell) == 1:
            text = str(cell[0][0])
            if self.sheet.measure(text, points) + 6 <= width:
                ink = INK if cell[0][0] < 5 else CARD
                self.sheet.write(
                    x + width / 2, y + height / 2, text, points, colour=ink, align="center"
                )

    def _box(self, box: Box, colour: str) -> None:
        self.boxes.append(box)
        self.colours.append(colour)


def _bands(cell: Cell, height: int) -> list[tuple[int, int]]:
    """(top, height) of each width's band, in proportion, but none too thin to be seen."""
    total = sum(count for _, count in cell)
    heights = [max(4, round(height * count / total)) for _, count in cell]
    heights[heights.index(max(heights))] += height - sum(heights)
    return [(sum(heights[:place]), band) for place, band in enumerate(heights)]
