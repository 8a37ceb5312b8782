"""Cards that other generators wrote: their sections become blocks, all else stays where it is.

Only text that a generator is known to write is taken over, paragraph by
paragraph, and only where a block with the same content takes its place. A
paragraph, a table row or a code block that nobody's generator writes is a
person's and stays, behind the block that replaced its surroundings. In doubt
text stays: a sentence said twice is better than one that is lost.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping

from hubtool.card.blocks import find_blocks, wrap


@dataclasses.dataclass(frozen=True)
class Adoption:
    """The new body; the blocks that it gained, and the text that went for them, piece by piece."""

    body: str
    adopted: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Chunk:
    """A heading, a fenced block, or lines up to a blank one; ``end`` includes blank lines after."""

    start: int
    end: int
    text: str
    heading: bool


_HEADING = re.compile(r"#{1,6}[ \t]+\S")
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})")
_TITLE = re.compile(r"#[ \t]+\w[\w.]*[-/][\w./-]*")  # a repo's id or name; all else is a person's

_LINK = r"\[[^\]\[]+\]\([^()\s]+\)"
LONGEST = 4_000  # characters: no generator writes a longer paragraph or code block

# Headings that generators write, and the block that says the same.
_HEADINGS = {
    "use with mlx": "usage",
    "usage": "usage",
    "quantization details": "details",
    "capability score": "scores",
    "quantize your own": "make",
    "license": "license",
}
# What stands below them: a chunk that fits is the generator's own.
_GENERATED: dict[str, tuple[re.Pattern[str], ...]] = {
    name: tuple(re.compile(pattern, re.DOTALL) for pattern in patterns)
    for name, patterns in {
        "banner": (r">?\s*Built with \[?mlx-optiq\b.*",),
        "intro": (
            rf"(The|This) [Mm]odel {_LINK} was converted to MLX format from {_LINK} "
            r"using mlx-(lm|vlm) version \*\*[^*]+\*\*\.?"
            rf"( Refer to the {_LINK} for more details on the model\.)?",
            r"A \d-bit mixed-precision MLX quant produced by \[?mlx-optiq\b.*",
            r"This is a quant of .+ Per-layer bit-widths come from a KL-divergence sensitivity "
            r"pass on .+",
        ),
        "usage": (
            r"```(bash|shell|sh)?\s+pip install (-U )?(mlx-lm|mlx-vlm)\s+```",
            r"```(bash|shell|sh)?\s+(python -m )?mlx_(lm|vlm)\.generate --model \S+[^\n]*\s+```",
            r"```(bash|shell|sh)?\s+pip install (-U )?mlx-optiq\s+optiq serve --model [^`]+```",
            r"```python\s+from mlx_lm import (load, generate|generate, load)\s[^`]*"
            r"generate\(\s*model,[^`]+```",
            r"mlx-lm loads it directly for text:",
            r"Image\+text input( and the speculative drafter)? runs? through mlx-optiq:",
            r"The same repo loads text-only under stock mlx-lm and image\+text under optiq\. .+",
        ),
        "scores": (
            r"Six-metric mean \(.+?\), scored against .+",
            r"\| ?Benchmark ?\|.+\| ?\**Capability Score \(mean\)\**[^\n]*",
            r"The mixed-precision allocation adds [+-][\d.]+ points over .+",
        ),
        "make": (
            r"This quant was produced by \[?mlx-optiq\b.*",
            r"```(bash|shell|sh)?\s+pip install mlx-optiq\s+optiq convert [^`]+```",
        ),
        "license": (r"[\w .-]+ Terms of Use\. Built on [^\n]+",),
    }.items()
}
# the table of details is taken over if a generator wrote each of its rows
_DETAIL_ROWS = re.compile(
    r"Property|Base|Predominant precision|Components at \d-bit( \((sensitive|robust)\))?|"
    r"Total quantized components|Achieved bits-per-weight|Group size|Reference for sensitivity|"
    r"Calibration mix|Vision|Speculative drafter|:?-+:?"
)


def headings_twice(body: str) -> tuple[str, ...]:
    """Headings that stand in hubtool's blocks and in a person's text as well."""
    inside: set[str] = set()
    outside: dict[str, None] = {}
    blocks = find_blocks(body)
    for chunk in _chunks(body):
        if not chunk.heading:
            continue
        words = chunk.text.lstrip("# \t").strip()
        if any(block.start <= chunk.start < block.end for block in blocks):
            inside.add(words.lower())
        else:
            outside[words] = None
    return tuple(words for words in outside if words.lower() in inside)


def adopt(body: str, wanted: Mapping[str, str], *, newline: str = "\n") -> Adoption:
    """``body`` with the sections that generators wrote replaced by blocks of ``wanted``.

    ``wanted`` maps block names to rendered text; what no wanted block says
    again is left alone. A body that has a block of hubtool's already is
    returned as it is. A heading that stands twice is taken over once.
    """
    if find_blocks(body):
        return Adoption(body)
    pieces: list[str] = []
    adopted: list[str] = []
    dropped: list[str] = []
    for chunk, name in _told_apart(_chunks(body), wanted):
        if name is None:
            pieces.append(body[chunk.start : chunk.end])
            continue
        dropped.append(chunk.text)
        if name not in adopted:
            adopted.append(name)
            pieces.append(wrap(name, wanted[name], newline=newline) + newline * 2)
    if not adopted:
        return Adoption(body)
    return Adoption("".join(pieces), tuple(adopted), tuple(dropped))


def _told_apart(
    chunks: list[_Chunk], wanted: Mapping[str, str]
) -> Iterator[tuple[_Chunk, str | None]]:
    """Every chunk with the block that takes it over, None for what stays."""
    taken: set[str] = set()  # headings that were taken over already
    for start, stop in _sections(chunks):
        head, rest = chunks[start], chunks[start + 1 : stop]
        title = head.heading and _TITLE.fullmatch(head.text) is not None
        words = head.text.strip("# \t").lower() if head.heading else ""
        section = _HEADINGS.get(words)
        owners: list[str | None] = [None] * len(rest)
        if words in taken:
            section, title = None, False
        else:
            owners = [_owner(chunk, section, wanted) for chunk in rest]
        if not head.heading:
            yield head, _owner(head, None, wanted)
        elif section and section in owners:
            taken.add(words)
            yield head, section
        else:
            yield head, "intro" if title and "intro" in owners else None
        yield from zip(rest, owners, strict=True)


def _owner(chunk: _Chunk, section: str | None, wanted: Mapping[str, str]) -> str | None:
    """The wanted block that says what this chunk says, if a generator wrote it.

    Below a heading it is that heading's block; elsewhere only banner and introduction are known.
    """
    if len(chunk.text) > LONGEST:
        return None
    text = " ".join(chunk.text.split()) if not chunk.text.startswith(("`", "|")) else chunk.text
    text = text.replace("\r\n", "\n").rstrip()
    for name in (section,) if section else ("banner", "intro"):
        fits = any(pattern.fullmatch(text) for pattern in _GENERATED.get(name, ()))
        if name == "details":
            fits = _is_detail_table(text)
        if fits and name in wanted:
            return name
    return None


def _is_detail_table(text: str) -> bool:
    rows = text.split("\n")
    labels = [row.strip().strip("|").split("|")[0].strip() for row in rows]
    return len(rows) > 2 and all(
        row.lstrip().startswith("|") and _DETAIL_ROWS.fullmatch(label)
        for row, label in zip(rows, labels, strict=True)
    )


def _sections(chunks: list[_Chunk]) -> Iterator[tuple[int, int]]:
    """(start, stop) of each heading with what stands below it; what is above the first: alone."""
    starts = [number for number, chunk in enumerate(chunks) if chunk.heading]
    above = starts[0] if starts else len(chunks)
    yield from ((number, number + 1) for number in range(above))
    yield from itertools.pairwise([*starts, len(chunks)])


def _chunks(body: str) -> list[_Chunk]:
    """The body cut at headings, fences and blank lines; joined again they are the body."""
    found: list[_Chunk] = []
    start = at = 0
    fence: str | None = None
    heading = blank = False
    for line in body.splitlines(keepends=True):
        opened = _FENCE.match(line)
        begins = fence is None and bool(opened or heading or blank or _HEADING.match(line))
        if fence is None and line.strip() and begins and at > start:
            found.append(_chunk(body, start, at, heading))
            start, heading = at, False
        if fence is None:
            if line.strip():
                blank = False
                heading = heading or _HEADING.match(line) is not None
            else:
                blank = True
            fence = opened[1] if opened else None
        elif opened and opened[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence, blank = None, True
        at += len(line)
    if at > start:
        found.append(_chunk(body, start, at, heading))
    return found


def _chunk(body: str, start: int, end: int, heading: bool) -> _Chunk:
    return _Chunk(start, end, body[start:end].strip(), heading)
