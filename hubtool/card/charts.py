"""What the pictures of a card say to those who cannot see them.

The alt texts are plain text on one line; the names in them come from the
weights and the score files, so whoever puts them into Markdown must escape them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from hubtool.artifact.components import ComponentBits
from hubtool.card.score_chart import CANDIDATE_NAME, notes_on
from hubtool.card.width_chart import ON_CARD
from hubtool.card.width_grid import Cell, Row, Stack, grid_of, plain
from hubtool.scores.capability import Comparison

_DESCRIPTION = "Description"  # a keyword that the PNG specification names

LONGEST_ALT = 600  # characters: screen readers read it in one go
LONGEST_NAME = 60


def widths_alt(components: Sequence[ComponentBits]) -> str:
    """The width chart in words: for each kind, how many layers have which width.

    Kinds with the same widths are told together. At most LONGEST_ALT
    characters; what did not fit is counted.
    """
    grid = grid_of(components, most_rows=ON_CARD.most_rows)
    counts = sorted(grid.counts.items())
    if not counts:
        return "No quantized components."
    total = _counted(sum(count for _, count in counts), "component")
    head = f"{total}, by kind and layer: {_share(counts)}."
    alike: dict[Cell, list[str]] = {}
    for label, cell in grid.outside:
        alike.setdefault(cell, []).append(label)
    parts = [f"{_names(labels)}: {_share(cell)}" for cell, labels in alike.items()]
    for stack in grid.stacks:
        where = f"in {_clipped(stack.title)}: " if len(grid.stacks) > 1 else ""
        first, *more = _stack_parts(stack)
        parts += [where + first, *more]
    return _within(head, parts)


def describe(picture: bytes, text: str) -> bytes:
    """The PNG with ``text`` inside it: what it shows stays with it, and can be checked."""
    import io

    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_itxt(_DESCRIPTION, text)
    described = io.BytesIO()
    Image.open(io.BytesIO(picture)).save(described, "PNG", pnginfo=notes, optimize=True)
    return described.getvalue()


def description_of(picture: bytes) -> str | None:
    """The text that :func:`describe` put into a PNG; None for any other picture."""
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        text = Image.open(io.BytesIO(picture)).info.get(_DESCRIPTION)
    except (UnidentifiedImageError, OSError, ValueError):
        return None
    return str(text) if text is not None else None


def scores_alt(rows: Sequence[Comparison], baseline_name: str) -> str:
    """The score chart in words: both values of every benchmark, with their intervals."""
    baseline = _clipped(baseline_name or "baseline")
    compared = any(row.baseline_percent is not None for row in rows)
    whose = f"{CANDIDATE_NAME} against {baseline}" if compared else CANDIDATE_NAME
    told = []
    for row in rows:
        values = [_value_words(row.candidate_percent, row.candidate_interval)]
        if row.baseline_percent is not None:
            values.append(_value_words(row.baseline_percent, row.baseline_interval))
        notes = f" ({', '.join(notes_on(row))})" if notes_on(row) else ""
        told.append(f"{_clipped(row.display_name)}{notes} {' against '.join(values)}")
    return f"Benchmark scores of {whose}, in percent, with 95 % intervals: {'; '.join(told)}."


def _stack_parts(stack: Stack) -> list[str]:
    alike: dict[str, list[str]] = {}
    for row in stack.rows:
        alike.setdefault(_row_words(row), []).append(row.label)
    return [f"{_names(labels)}: {words}" for words, labels in alike.items()]


def _row_words(row: Row) -> str:
    counts: Counter[int] = Counter()
    for cell in row.cells.values():
        counts.update(dict(cell))
    unit = "layer" if counts.total() == len(row.cells) else "component"
    return _share(sorted(counts.items()), unit)


def _share(counts: Sequence[tuple[int, int]], unit: str = "") -> str:
    """``20 layers at 4 bit, 10 at 8``; for one thing alone ``4 bit``."""
    (bits, count), *more = counts
    if not more and not unit:
        return f"{bits} bit" if count == 1 else f"all {bits} bit"
    first = _counted(count, unit) if unit else f"{count:,}"
    return ", ".join((f"{first} at {bits} bit", *(f"{n:,} at {wide}" for wide, n in more)))


def _counted(count: int, unit: str) -> str:
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def _value_words(percent: float, interval: tuple[float, float] | None) -> str:
    reach = f" ({interval[0]:.1f} to {interval[1]:.1f})" if interval else ""
    return f"{percent:.1f}{reach}"


def _within(head: str, parts: Sequence[str]) -> str:
    """Head and as many parts as fit, with the number of those that do not."""
    for told in range(len(parts), -1, -1):
        left = len(parts) - told
        text = "; ".join((*parts[:told], *([f"{left} more in the picture"] if left else [])))
        if len(head) + len(text) + 2 < LONGEST_ALT:
            break
    return f"{head} {text}."


def _names(labels: Iterable[str]) -> str:
    return ", ".join(_clipped(label) for label in labels)


def _clipped(name: str) -> str:
    name = plain(name)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
