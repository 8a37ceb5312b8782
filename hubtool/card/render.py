"""A card from facts: pure, sandboxed, strict. No clock, no network, no guessing."""

from __future__ import annotations

import dataclasses
import functools
import re
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from hubtool.card import wording
from hubtool.card.adopt import adopt, headings_twice
from hubtool.card.blocks import MEND_MARKER, replace_blocks, torn_markers, torn_words, wrap
from hubtool.card.facts import CardFacts
from hubtool.card.frontmatter import split_card
from hubtool.card.metadata import LICENCE_KEYS, build_metadata, merge_metadata
from hubtool.card.phrases import signed
from hubtool.card.templates import block_names, load_brand, search_path
from hubtool.console import format_bytes
from hubtool.errors import CardUnreadable, TemplateInvalid

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_SPECIAL = re.compile(r"[\\`*\[\]|!#~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclasses.dataclass(frozen=True)
class RenderedCard:
    """The whole card, and what became of what was there.

    ``kept_edits`` names blocks that were left as a person had edited them,
    ``adopted`` blocks that took the place of what a generator had written;
    ``dropped`` is that text, piece by piece. ``front_matter`` tells which
    fields went or name another licence now, ``doubled`` which headings a
    person's text has as well.
    """

    text: str
    kept_edits: tuple[str, ...]
    adopted: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    front_matter: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What its maintainer should know, in sentences without a full stop."""
        notes = [
            f"block {name} was edited by hand and is kept as it is" for name in self.kept_edits
        ]
        if self.adopted:
            blocks = ", ".join(self.adopted)
            notes.append(f"hubtool's blocks took over sections of another generator: {blocks}")
        notes += self.front_matter
        if self.doubled:
            titles = ", ".join(self.doubled)
            notes.append(f"these headings stand in your text as well as in a block: {titles}")
        return tuple(notes)


def render_card(
    facts: CardFacts,
    *,
    template: str = "optiq",
    brand: str = "optiq",
    existing: str | None = None,
    overwrite_edited: bool = False,
    metadata: dict[str, Any] | None = None,
    part: Literal["whole", "metadata", "blocks"] = "whole",
    left_alone: Collection[str] = (),
) -> RenderedCard:
    """The card of ``facts``, laid into ``existing`` if there is one.

    In an existing card only hubtool's blocks and front matter keys change. Of
    a card without any block, sections that a generator wrote become blocks
    (:mod:`hubtool.card.adopt`) and all else stays. Line ends stay what most
    lines have. Rendering the result again changes nothing. Raises
    TemplateInvalid, CardMetadataInvalid for front matter that cannot be read,
    and CardUnreadable where a marker has lost its partner: where that block
    ends is not for a program to say.

    ``metadata`` takes the place of the facts' own front matter; ``part`` keeps
    to one part of an existing card; blocks in ``left_alone`` are not touched.
    """
    blocks = render_blocks(facts, template=template, brand=brand)
    metadata = build_metadata(facts) if metadata is None else metadata
    if existing is None or not existing.strip():
        front, _ = merge_metadata("", metadata)
        body = "\n\n".join(wrap(name, text) for name, text in blocks.items())
        return RenderedCard(f"{front}\n{body}\n", ())
    for name, line in torn_markers(existing):
        raise CardUnreadable(torn_words(name, line), MEND_MARKER)
    newline = "\r\n" if existing.count("\r\n") * 2 > existing.count("\n") else "\n"
    before = split_card(existing)
    body, front = before.body, existing[: len(existing) - len(before.body)]
    wanted = {name: text for name, text in blocks.items() if name not in left_alone}
    adoption = adopt(body, wanted, newline=newline)
    if part != "blocks":
        is_copied = bool(adoption.adopted) or not body.strip()
        front, body = merge_metadata(existing, metadata, newline=newline, is_copied=is_copied)
    changed = _front_matter_notes(before.data, split_card(front).data)
    if part == "metadata":
        return RenderedCard(front + body, (), front_matter=changed)
    body, kept = replace_blocks(
        adoption.body,
        blocks,
        overwrite_edited=overwrite_edited,
        newline=newline,
        left_alone=left_alone,
    )
    return RenderedCard(
        front + body,
        kept,
        adoption.adopted,
        adoption.dropped,
        changed,
        headings_twice(body),
    )


def _front_matter_notes(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """What a person would want to know of fields that were there."""
    gone = [key for key in before if key not in after]
    notes = [f"front matter: left out, since it is not true of a quant: {', '.join(gone)}"]
    licences = [key for key in LICENCE_KEYS if key in before and before[key] != after.get(key)]
    return (
        *(notes if gone else ()),
        *(f"front matter: {key} was {before[key]!r}, is {after.get(key)!r}" for key in licences),
    )


def render_blocks(facts: CardFacts, *, template: str, brand: str) -> dict[str, str]:
    """Name -> text of every block that these facts fill, in the template's order.

    A block that renders to nothing is left out. Raises TemplateInvalid naming file and line.
    """
    from jinja2 import TemplateError

    environment = card_environment(search_path(template))
    places = {"facts": facts, "brand": load_brand(brand), "words": wording}
    rendered = {}
    for name in block_names(template):
        file = f"blocks/{name}.md.j2"
        try:
            text = environment.get_template(file).render(places)
        except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
            raise _template_fault(file, error) from error
        if text.strip():
            rendered[name] = text
    return rendered


# the class of what a template can start from -> the name that it has there
_ROOTS = {"CardFacts": "facts", "Brand": "brand", "module": "words"}


def _template_fault(name: str, error: Exception) -> TemplateInvalid:
    """The error for what a block's template raised; path and line are its details as well."""
    path: str | None = getattr(error, "filename", None)  # only a syntax error knows these two
    line: int | None = getattr(error, "lineno", None)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.endswith(".md.j2"):  # jinja2 puts templates into the traceback
            path, line = frame.filename, frame.lineno
    where = "/".join(Path(path).parts[-2:]) if path else name
    where += f", line {line}" if line else ""
    words = _in_names_of_the_template(str(error))
    return TemplateInvalid(f"{where}: {words}", "correct the template", path=path, line=line)


def _in_names_of_the_template(text: str) -> str:
    """jinja2's message about a name that is not there, in the words of `hubtool template check`."""
    missing = re.fullmatch(r"'(?:[\w.]+\.)?(\w+) object' has no attribute '(\w+)'", text)
    if missing:
        return f"there is no {_ROOTS.get(missing[1], missing[1])}.{missing[2]}"
    unknown = re.fullmatch(r"'(\w+)' is undefined", text)
    return f"there is no {unknown[1]}" if unknown else text


def escape_markdown(value: object) -> str:
    """Text that Markdown, HTML and tables show as it is, whatever is in it."""
    text = " ".join(str(value).split())
    text = "".join(_HTML.get(char, char) for char in text)
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", text)


def link_markdown(text: object, url: object) -> str:
    """``[text](url)`` with both made harmless; only http(s) and relative addresses are linked."""
    address = quote(str(url), safe="/:?=&%#.-_~@+,;")
    scheme = re.match(r"([a-zA-Z][\w+.-]*):", address)
    if scheme and scheme[1].lower() not in ("http", "https"):
        return escape_markdown(text)
    return f"[{escape_markdown(text)}]({address})"


def code_text(value: object) -> str:
    """A value inside a fenced block: characters of a repo id or a file name, no others."""
    return re.sub(r"[^\w./:@+-]", "", str(value))


@functools.cache
def card_environment(folders: tuple[Path, ...]) -> SandboxedEnvironment:
    """One for each search path: compiled templates are kept, and read anew where a file changed."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the output is Markdown: the filters below escape for it
    )
    environment.filters.update({name: work for name, (work, _) in FILTERS.items()})
    return environment


# name -> (what it does, that in words)
FILTERS: dict[str, tuple[Callable[..., str], str]] = {
    "md": (escape_markdown, "text that Markdown, HTML and tables show as it is"),
    "link": (link_markdown, "`text \\| link(address)`: a Markdown link, both made harmless"),
    "code": (code_text, "the characters of a repo id or a file name, for code blocks"),
    "bytes": (format_bytes, "`6.30 GB`, 10^9 bytes"),
    "fixed": (lambda value, digits=2: f"{value:.{digits}f}", "`fixed(2)`: digits behind the point"),
    "signed": (signed, "the same with its sign"),
    "percent": (lambda value, digits=1: f"{value:.{digits}f}%", "`percent(1)`: `57.7%`"),
}
