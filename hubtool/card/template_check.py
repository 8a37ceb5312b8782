"""A template tried on every kind of quant: fields that do not exist, facts that it leaves out,
numbers that it says of itself."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

from hubtool.card import wording
from hubtool.card.examples import EXAMPLES
from hubtool.card.facts import CardFacts
from hubtool.card.render import card_environment, render_blocks, render_card
from hubtool.card.templates import Brand, block_files, block_names, load_brand, template_file
from hubtool.errors import TemplateInvalid

# digits that stand alone: not those of M1, bf16 or q4_0
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?%?")
_FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`|\]\([^)\n]*\)|<[^>\n]*>")  # code, addresses, HTML attributes
_ROOTS: Mapping[str, object] = {"facts": CardFacts, "brand": Brand, "words": wording}


@dataclasses.dataclass(frozen=True)
class TemplateReport:
    """What came of one template with one brand.

    ``problems`` must be mended; ``unused`` facts appear on no page, and ``silent``
    blocks on none: both may be meant. ``pages`` maps an example's name to its page.
    """

    template: str
    brand: str
    problems: tuple[str, ...]
    unused: tuple[str, ...]
    silent: tuple[str, ...]
    pages: dict[str, str]


def check_template(template: str, brand: str) -> TemplateReport:
    """``template`` rendered with ``brand`` for each of the example facts.

    Raises PathNotFound for either, and TemplateInvalid for a brand or a template
    that cannot be read at all; what is wrong inside a block is in the report.
    """
    unknown = list(unknown_names(template))
    problems = [*unknown, *_structure(template), *literal_numbers(template, brand)]
    pages: dict[str, str] = {}
    touched: set[str] = set()
    failed: dict[str, list[str]] = {}  # message -> examples
    for name, make in EXAMPLES.items():
        try:
            render_blocks(_watched(make(), touched), template=template, brand=brand)
            pages[name] = render_card(make(), template=template, brand=brand).text
        except TemplateInvalid as error:
            failed.setdefault(error.message, []).append(name)
    problems += [
        f"{text} (facts: {', '.join(names)})"
        for text, names in failed.items()
        if not (unknown and "there is no " in text)  # told already, with its line
    ]
    files = block_files(template)
    shown = [block for block in files if any(f"begin {block} " in text for text in pages.values())]
    return TemplateReport(
        template=template,
        brand=brand,
        problems=tuple(problems),
        unused=tuple(field for field in fact_names() if field not in touched),
        silent=tuple(block for block in files if block not in shown),
        pages=pages,
    )


def _structure(template: str) -> Iterator[str]:
    """Text that no card would show, a block placed twice, markers and bare names in a block."""
    top = template_file(template)
    source = top.read_text(encoding="utf-8")
    said = re.sub(r"\{%.*?%\}|\{#.*?#\}", "", source, flags=re.DOTALL).strip()
    if said:
        yield f"{top.name}: text outside of blocks is on no card: {said.splitlines()[0]!r}"
    names = block_names(template)
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"{top.name}: block {name} is placed twice"
    for file in block_files(template).values():
        if "<!-- hubtool:" in file.read_text(encoding="utf-8"):
            yield f"{_place(file, 1)}: a block may hold no marker of hubtool"
        tree = _parse(file)
        if isinstance(tree, nodes.Template):
            yield from (
                f"{_place(file, line)}: facts.{name} is text from outside: "
                "put it through md, code or link"
                for line, name in _bare_names(tree)
            )


def _bare_names(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """(line, field) of every text among the facts that is placed without a filter."""
    kinds = typing.get_type_hints(CardFacts)
    for output in tree.find_all(nodes.Output):
        for one in output.nodes:
            owner = one.node if isinstance(one, nodes.Getattr) else None
            if isinstance(owner, nodes.Name) and owner.name == "facts":
                assert isinstance(one, nodes.Getattr)
                if kinds.get(one.attr) in (str, str | None):
                    yield one.lineno, one.attr


def fact_names() -> tuple[str, ...]:
    """The fields of :class:`CardFacts` and what follows from them."""
    follow = [name for name, value in vars(CardFacts).items() if isinstance(value, property)]
    return (*(field.name for field in dataclasses.fields(CardFacts)), *follow)


def unknown_names(template: str) -> Iterator[str]:
    """Fields that the template's blocks ask for and that no fact, word or brand has.

    Also those in branches that no example takes. Names bound by ``set`` and
    ``for`` are left to rendering.
    """
    for file in block_files(template).values():
        tree = _parse(file)
        if isinstance(tree, str):
            yield tree
            continue
        for line, path in sorted(set(_paths(tree))):
            missing = _first_missing(path)
            if missing:
                yield f"{_place(file, line)}: there is no {missing}"


def literal_numbers(template: str, brand: str) -> Iterator[str]:
    """Numbers in the text of a template and its brand: no fact stands behind them.

    Code, link addresses and HTML tags are left out. Raises as ``load_brand`` does.
    """
    environment = Environment()
    for file in block_files(template).values():
        source = file.read_text(encoding="utf-8")
        try:
            tokens = list(environment.lex(source))
        except TemplateSyntaxError:
            continue  # told by unknown_names
        # expressions become blanks, so that lines and code fences stay where they are
        text = "".join(
            value if kind == "data" else "\n" * value.count("\n") for _, kind, value in tokens
        )
        spoken = [*_spoken_numbers(text)]
        spoken += [
            (line, number)
            for line, kind, value in tokens
            if kind == "string" and not value.endswith('.md.j2"')
            for _, number in _spoken_numbers(value.strip("\"'"))
        ]
        for line, number in sorted(spoken):
            yield f"{_place(file, line)}: {number} stands in the text, no fact says it"
    said = load_brand(brand)
    for field in ("banner", "method_name", "links"):
        value = getattr(said, field)
        for _, number in _spoken_numbers("\n".join(value) if isinstance(value, dict) else value):
            yield f"brand {said.name}, {field}: {number} stands in the text, no fact says it"


def _spoken_numbers(text: str) -> Iterator[tuple[int, str]]:
    """(line, number) outside of code."""
    for code in (_FENCED, _CODE):
        text = code.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in NUMBER.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[0]


def _watched(facts: CardFacts, touched: set[str]) -> CardFacts:
    """The same facts, which note the names that are asked of them."""
    names = set(fact_names())

    class Watched(CardFacts):
        def __getattribute__(self, name: str) -> Any:
            if name in names:
                touched.add(name)
            return super().__getattribute__(name)

    Watched.__name__ = Watched.__qualname__ = CardFacts.__name__  # for messages
    Watched.__module__ = CardFacts.__module__

    copy = object.__new__(Watched)
    vars(copy).update(vars(facts))
    return copy


def _parse(file: Path) -> nodes.Template | str:
    """The template as a tree, or what keeps it from being one."""
    environment = card_environment((file.parent.parent,))
    try:
        source = file.read_text(encoding="utf-8")
        environment.compile(source)  # finds filters and tests that do not exist
        return environment.parse(source)
    except TemplateSyntaxError as error:
        return f"{_place(file, error.lineno)}: {error.message}"


def _paths(tree: nodes.Template) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line, ("facts", "vision", "files")) of every attribute that is asked for."""
    bound = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    for found in tree.find_all(nodes.Getattr):
        path: list[str] = []
        node: nodes.Node = found
        while isinstance(node, nodes.Getattr):
            path.append(node.attr)
            node = node.node
        if isinstance(node, nodes.Name) and node.name not in bound and node.name in _ROOTS:
            yield found.lineno, (node.name, *reversed(path))
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in (*_ROOTS, *bound, "loop", "caller", "range"):
            yield name.lineno, (name.name,)


def _first_missing(path: tuple[str, ...]) -> str | None:
    """The shortest part of ``path`` that does not exist, None if all of it does."""
    if path[0] not in _ROOTS:
        return path[0]
    kind = _ROOTS[path[0]]
    for length, name in enumerate(path[1:], start=2):
        kind = _attribute(kind, name)
        if kind is None:
            return ".".join(path[:length])
        if kind is Any:
            return None
    return None


def _attribute(owner: object, name: str) -> object:
    """The type of an attribute; Any where it cannot be followed, None where there is none."""
    if isinstance(owner, types.ModuleType):
        return Any if hasattr(owner, name) and not name.startswith("_") else None
    if not isinstance(owner, type):
        return Any
    found = inspect.getattr_static(owner, name, None)
    hints = typing.get_type_hints(owner)
    if isinstance(found, property) and found.fget is not None:
        return _plain(typing.get_type_hints(found.fget)["return"])
    if name in hints:
        return _plain(hints[name])
    closed = dataclasses.is_dataclass(owner) or owner is Brand
    return Any if found is not None or not closed else None


def _plain(kind: object) -> object:
    """A record's class out of ``X | None``; anything else is not followed."""
    options = [one for one in typing.get_args(kind) if one is not types.NoneType] or [kind]
    only = options[0] if len(options) == 1 else Any
    return only if isinstance(only, type) and dataclasses.is_dataclass(only) else Any


def _place(file: Path, line: int) -> str:
    return f"{'/'.join(file.parts[-2:])}, line {line}"
