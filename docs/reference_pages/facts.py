"""The page of facts: all that a card template may place."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator

from jinja2.nodes import Filter

from hubtool.card import wording
from hubtool.card.facts import CardFacts
from hubtool.card.render import FILTERS, card_environment
from hubtool.card.templates import SUFFIX, Brand, shipped_files
from reference_pages.tables import NOTE, fields_of


def facts_page() -> str:
    """Every fact that a template may place, and the words, filters and brand fields beside it."""
    records = [CardFacts]
    for record in records:  # grows while it is read: records inside records
        for kind in typing.get_type_hints(record).values():
            inside = [one for one in _classes(kind) if dataclasses.is_dataclass(one)]
            records += [one for one in inside if one not in records]
    parts = [
        NOTE,
        "# Facts\n",
        "What a card template may place: `facts.NAME`, `brand.NAME`, `words.NAME(...)`, and the "
        "filters below. How to write a template: [write-a-template.md]"
        "(../how-to/write-a-template.md).\n",
    ]
    for record in records:
        title = "facts" if record is CardFacts else record.__name__
        parts += [f"## {title}\n", f"{inspect.getdoc(record)}\n"]
        parts += ["| field | type | meaning |", "| --- | --- | --- |", *_facts_of(record), ""]
    parts += ["## brand\n", "| field | type | default | meaning |", "| --- | --- | --- | --- |"]
    parts += [*fields_of(Brand), ""]
    parts += ["## words\n", "| call | gives |", "| --- | --- |"]
    for name, word in vars(wording).items():
        if inspect.isfunction(word) and name in wording.__all__:
            call = f"words.{name}({', '.join(inspect.signature(word).parameters)})"
            parts.append(f"| `{call}` | {_first_line(word)} |")
    for name in wording.__all__:
        if not callable(vars(wording)[name]):
            parts.append(f"| `words.{name}` | the number {vars(wording)[name]} |")
    parts += ["", "## Filters\n", "| filter | gives |", "| --- | --- |"]
    parts += [f"| `{name}` | {text} |" for name, (_, text) in FILTERS.items()]
    jinjas = ", ".join(f"`{name}`" for name in sorted(shipped_filters() - set(FILTERS)))
    parts.append(f"\nBesides them all of Jinja's own; the shipped blocks use {jinjas}.")
    return "\n".join(parts) + "\n"


def shipped_filters() -> set[str]:
    """The filters that the shipped blocks put something through."""
    return {
        found.name
        for name, content in shipped_files().items()
        if name.endswith(SUFFIX)
        for found in card_environment(()).parse(content.decode()).find_all(Filter)
    }


def _facts_of(record: type) -> Iterator[str]:
    comments = _comments(record)
    for field in dataclasses.fields(record):
        kind = str(field.type).replace("|", "or")
        yield f"| `{field.name}` | {kind} | {comments[field.name]} |"
    for name, value in vars(record).items():
        if isinstance(value, property):
            kind = value.fget.__annotations__["return"].replace("|", "or")
            yield f"| `{name}` | {kind} | {_first_line(value)} |"


def _comments(record: type) -> dict[str, str]:
    """Field -> the comment behind it in the source: its meaning."""
    lines = inspect.getsource(record).splitlines()
    found = [re.match(r"    (\w+): [^#]*#\s*(.+)", line) for line in lines]
    return {match[1]: match[2] for match in found if match}


def _classes(kind: object) -> Iterator[type]:
    if isinstance(kind, type) and not typing.get_args(kind):
        yield kind
    for inner in typing.get_args(kind):
        yield from _classes(inner)


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]
