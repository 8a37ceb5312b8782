"""A sheet to draw charts on, measured in pixels: same input, same bytes, on any page colour.

The sheet is an opaque, nearly white card with round corners, so that one
picture is legible on light and on dark pages. Only the DejaVu Sans that comes
with matplotlib is used, no file or setting of this machine.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hubtool.card.width_grid import plain

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import Collection
    from matplotlib.font_manager import FontProperties

DOTS_PER_INCH = 200  # a card shows 1600 pixels at about half size; others zoom in
CARD, EDGE, GRID = "#fcfcfa", "#d0d4da", "#dfe2e6"
INK, SOFT_INK = "#1b1f27", "#565e6b"  # 16 : 1 and 6.4 : 1 on CARD
CORNER = 16
ELLIPSIS = "…"

Align = Literal["left", "center", "right"]
Keep = Literal["start", "end"]
Box = tuple[float, float, float, float]  # left, top, width, height


@contextmanager
def open_sheet() -> Iterator[Sheet]:
    """An empty sheet; while it is open, no matplotlib setting of this machine counts."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield Sheet()


class Sheet:
    """A card, measured in pixels: x to the right, y down, from the top left.

    Made by :func:`open_sheet`. Its size is not fixed before :meth:`png`.
    """

    def __init__(self) -> None:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._figure = Figure(dpi=DOTS_PER_INCH)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._canvas = FigureCanvasAgg(self._figure)
        fonts = Path(matplotlib.get_data_path()) / "fonts/ttf"
        self._files = {False: fonts / "DejaVuSans.ttf", True: fonts / "DejaVuSans-Bold.ttf"}

    # --- texts -------------------------------------------------------------

    def measure(self, text: str, points: float, *, bold: bool = False) -> float:
        """Width of ``text`` in pixels."""
        if not text:
            return 0.0
        font = self._font(points, bold)
        renderer = self._canvas.get_renderer()
        width, _, _ = renderer.get_text_width_height_descent(text, font, ismath=False)
        return float(width)

    def fit(
        self, text: str, points: float, room: float, *, keep: Keep = "start", bold: bool = False
    ) -> str:
        """``text`` made plain and, where it is wider than ``room`` pixels, cut with an ellipsis."""
        text = self._drawable(plain(text)[:400])
        if self.measure(text, points, bold=bold) <= room:
            return text
        low, high = 0, len(text)  # the most characters that fit
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.measure(_cut(text, middle, keep), points, bold=bold) <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        return _cut(text, low, keep)

    def write(
        self,
        x: float,
        y: float,
        text: str,
        points: float,
        *,
        colour: str = INK,
        align: Align = "left",
        bold: bool = False,
    ) -> None:
        """One line of text with the middle of its capitals at ``y``; ``$`` is a dollar sign."""
        # DejaVu's capitals are 0.73 em high: half of that brings the baseline below y
        baseline = y + 0.365 * points * DOTS_PER_INCH / 72
        self._axes.text(
            x,
            round(baseline),
            text,
            color=colour,
            ha=align,
            va="baseline",
            fontproperties=self._font(points, bold),
            parse_math=False,
            clip_on=False,
            zorder=5,
        )

    # --- shapes ------------------------------------------------------------

    def boxes(self, boxes: Sequence[Box], colours: Sequence[str]) -> None:
        """Filled rectangles without outline."""
        from matplotlib.collections import PolyCollection

        corners = [
            ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
            for x, y, width, height in boxes
        ]
        self._add(
            PolyCollection(corners, facecolors=list(colours), linewidths=0, antialiaseds=False)
        )

    def lines(self, ends: Iterable[Box], colour: str, width: float = 2) -> None:
        """Straight lines, each as (x from, y from, x to, y to); ``width`` in pixels."""
        from matplotlib.collections import LineCollection

        self._add(
            LineCollection(
                [((x, y), (to_x, to_y)) for x, y, to_x, to_y in ends],
                colors=colour,
                linewidths=width * 72 / DOTS_PER_INCH,
            )
        )

    def dots(
        self, points: Sequence[tuple[float, float]], colour: str, shape: str, size: float
    ) -> None:
        """Marks of ``size`` pixels: matplotlib's ``o`` filled, any other shape hollow."""
        self._axes.scatter(
            [x for x, _ in points],
            [y for _, y in points],
            s=(size * 72 / DOTS_PER_INCH) ** 2,
            marker=shape,
            facecolor=colour if shape == "o" else CARD,
            edgecolor=colour,
            linewidth=1.3,
            zorder=4,
        )

    def png(self, width: int, height: int) -> bytes:
        """The picture, ``width`` x ``height`` pixels."""
        from matplotlib.patches import FancyBboxPatch

        self._figure.set_size_inches(width / DOTS_PER_INCH, height / DOTS_PER_INCH)
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        reach = CORNER + 1
        self._axes.add_patch(
            FancyBboxPatch(
                (reach, reach),
                width - 2 * reach,
                height - 2 * reach,
                boxstyle=f"round,pad={CORNER}",
                facecolor=CARD,
                edgecolor=EDGE,
                linewidth=0.6,
                zorder=0,
            )
        )
        self._figure.patch.set_alpha(0)
        self._canvas.draw()
        return _indexed(self._canvas)

    def _add(self, collection: Collection) -> None:
        collection.set_zorder(2)
        self._axes.add_collection(collection, autolim=False)

    def _font(self, points: float, bold: bool) -> FontProperties:
        from matplotlib.font_manager import FontProperties

        return FontProperties(fname=self._files[bold], size=points)

    def _drawable(self, text: str) -> str:
        from matplotlib.font_manager import get_font

        known = get_font(self._files[False]).get_charmap()
        return "".join(one if ord(one) in known else "□" for one in text)


def _cut(text: str, length: int, keep: Keep) -> str:
    if keep == "start":
        return text[:length].rstrip() + ELLIPSIS
    return ELLIPSIS + text[len(text) - length :].lstrip()


def _indexed(canvas: FigureCanvasAgg) -> bytes:
    """The picture as a PNG of 256 colours, a third of the size of one with all of them.

    The commonest colours stay as they are, so every surface does; the rarest,
    which are shades on the edges of letters, go to the nearest that stayed.
    """
    import numpy as np
    from PIL import Image

    pixels = np.asarray(canvas.buffer_rgba())
    found, place, count = np.unique(
        pixels.reshape(-1, 4).view(np.uint32), return_inverse=True, return_counts=True
    )
    colours = found.view(np.uint8).reshape(-1, 4).astype(np.int32)
    kept = np.lexsort((found, -count))[:256]
    apart = ((colours[:, None, :] - colours[None, kept, :]) ** 2).sum(axis=2)
    picture = Image.fromarray(
        apart.argmin(axis=1)[place].reshape(pixels.shape[:2]).astype(np.uint8)
    )
    picture.putpalette(colours[kept].astype(np.uint8).tobytes(), "RGBA")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
