"""The front matter of a card, read as the Hub reads it.

One regular expression decides where the block is; the block is YAML in the
core schema of version 1.2, so ``no`` and ``2026-01-01`` are text, and a key
that stands twice makes the block unreadable. Every reader in hubtool comes
through :func:`split_card`; nothing here raises on a bad card.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import yaml

ProblemKind = Literal[
    "bom", "missing", "blank", "scalar", "list", "syntax", "duplicate-key", "ambiguous"
]
FATAL_KINDS: frozenset[ProblemKind] = frozenset(
    {"missing", "blank", "scalar", "list", "syntax", "duplicate-key"}
)

BYTE_ORDER_MARK = "\ufeff"
MAX_DIGITS = 400  # what a double can hold, and far more than any field needs
MAX_VALUES = 50_000  # aliases can make a small block unfold without end

# What the Hub and its Python client look for: nothing but white space before the first
# fence, no blank behind it, and trailing blanks only behind the second.
_BLOCK = re.compile(
    r"\s*---(?:\r\n|\r|\n)(?P<yaml>.*?)(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|\Z)", re.DOTALL
)

_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"^[-+]?(?:[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


@dataclasses.dataclass(frozen=True)
class FrontMatterProblem:
    """Something about the block that one of its readers stumbles over.

    ``line`` counts from 1 in the whole card; it is None where no line is to blame.
    """

    kind: ProblemKind
    message: str
    line: int | None = None


@dataclasses.dataclass(frozen=True)
class FrontMatter:
    """A card in two parts. ``raw`` is the text between the fences, None if there is no block.

    ``data`` holds JSON-able values only and is empty whenever the Hub would
    read nothing. ``body`` is all that stands behind the block, unchanged.
    """

    raw: str | None
    data: dict[str, Any]
    body: str
    problems: tuple[FrontMatterProblem, ...] = ()

    @property
    def readable(self) -> bool:
        """True if the Hub gets fields out of the block."""
        return not any(problem.kind in FATAL_KINDS for problem in self.problems)


def split_card(text: str) -> FrontMatter:
    """Front matter and body of a card; what is wrong with the block is told, not raised."""
    problems: list[FrontMatterProblem] = []
    if text.startswith(BYTE_ORDER_MARK):
        text = text.removeprefix(BYTE_ORDER_MARK)
        message = "starts with a byte order mark, behind which some readers see no block"
        problems.append(FrontMatterProblem("bom", message, 1))
    match = _BLOCK.match(text)
    if match is None:
        problems.append(FrontMatterProblem("missing", "no block between two lines of ---"))
        return FrontMatter(None, {}, text, tuple(problems))
    raw, body = match["yaml"], text[match.end() :]
    if not raw.strip():
        problems.append(FrontMatterProblem("blank", "the block is empty", 1))
        return FrontMatter(raw, {}, body, tuple(problems))
    value, found = read_yaml(raw, first_line=text.count("\n", 0, match.start("yaml")) + 1)
    problems += found
    if not found or all(problem.kind == "ambiguous" for problem in found):
        if isinstance(value, dict):
            return FrontMatter(raw, value, body, tuple(problems))
        kind: ProblemKind = "list" if isinstance(value, list) else "scalar"
        message = f"the block is a {kind}, not a mapping"
        if value is None:
            kind, message = "blank", "the block holds no field"
        problems.append(FrontMatterProblem(kind, message))
    return FrontMatter(raw, {}, body, tuple(problems))


def read_yaml(text: str, *, first_line: int = 1) -> tuple[Any, list[FrontMatterProblem]]:
    """The value of a YAML 1.2 document as JSON-able data, and its problems.

    The value is None if the document cannot be read. ``first_line`` is the
    line number of the text's first line in its file. Infinity and NaN, which
    JSON cannot hold, become None. What was read last is kept: PyYAML takes
    milliseconds, and a card is split by each who looks at it.
    """
    value, problems = _read_yaml(text, first_line)
    return copy.deepcopy(value), [*problems]  # the caller's own


@lru_cache(maxsize=64)
def _read_yaml(text: str, first_line: int) -> tuple[Any, list[FrontMatterProblem]]:
    import yaml

    try:
        node = _loader()(text)
        root = node.get_single_node()
        if root is None:
            return None, []
        if _unfolds_too_far(root):
            return None, [FrontMatterProblem("syntax", "aliases unfold without end", first_line)]
        problems = list(_duplicates(root, first_line))
        if problems:
            return None, problems
        return node.construct_document(root), list(_ambiguous(root, first_line))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + mark.line if mark else None
        where = f" ({mark.line + 1}:{mark.column + 1})" if mark else ""
        return None, [FrontMatterProblem("syntax", f"{error.problem or error}{where}", line)]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        message = str(error).splitlines()[0] if str(error) else "nested too deeply"
        return None, [FrontMatterProblem("syntax", message)]


@cache
def _loader() -> Any:
    """A PyYAML loader whose plain scalars follow the core schema of YAML 1.2."""
    import yaml

    class CoreLoader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own shape)

    tag = "tag:yaml.org,2002:"
    CoreLoader.add_implicit_resolver(f"{tag}bool", _BOOL, list("tTfF"))
    CoreLoader.add_implicit_resolver(f"{tag}int", _INT, list("-+0123456789"))
    CoreLoader.add_implicit_resolver(f"{tag}float", _FLOAT, list("-+0123456789."))
    CoreLoader.add_implicit_resolver(f"{tag}null", _NULL, ["~", "n", "N", ""])
    CoreLoader.add_implicit_resolver(f"{tag}merge", re.compile(r"^<<$"), ["<"])

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
        loader.flatten_mapping(node)
        return {
            _key(key, node): loader.construct_object(value, deep=True) for key, value in node.value
        }

    def sequence(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
        return [loader.construct_object(item, deep=True) for item in node.value]

    def text(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
        return _storable(node.value)

    for name in ("map", "set"):
        CoreLoader.add_constructor(f"{tag}{name}", mapping)
    for name in ("seq", "omap", "pairs"):
        CoreLoader.add_constructor(f"{tag}{name}", sequence)
    for name in ("str", "timestamp", "binary"):
        CoreLoader.add_constructor(f"{tag}{name}", text)
    CoreLoader.add_constructor(f"{tag}bool", lambda _, node: node.value.lower() == "true")
    CoreLoader.add_constructor(f"{tag}int", lambda _, node: _integer(node.value))
    CoreLoader.add_constructor(f"{tag}float", lambda _, node: _finite(node.value))
    return CoreLoader


def _key(node: yaml.Node, mapping: yaml.MappingNode) -> str:
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(
            "while reading a mapping", mapping.start_mark, "a key is not text", node.start_mark
        )
    return _storable(node.value)


def _storable(text: str) -> str:
    """``text`` without lone surrogates, which YAML can escape and UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text, 0) if re.match(r"[-+]?0[ox]", text) else int(text)


def _finite(text: str) -> float | None:
    value = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return value if math.isfinite(value) else None


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _walk(node: yaml.Node) -> Iterator[yaml.Node]:
    """Every node once, in document order."""
    seen: set[int] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            pending += reversed(list(_children(current)))


def _unfolds_too_far(root: yaml.Node) -> bool:
    """True for an alias that contains itself, or for more than MAX_VALUES values in all."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, above: frozenset[int]) -> int:
        if id(node) in above:
            return MAX_VALUES + 1
        if id(node) not in sizes:
            inside = above | {id(node)}
            sizes[id(node)] = 1 + sum(size(child, inside) for child in _children(node))
        return sizes[id(node)]

    return size(root, frozenset()) > MAX_VALUES


def _duplicates(root: yaml.Node, first_line: int) -> Iterator[FrontMatterProblem]:
    import yaml

    for node in _walk(root):
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    mark = key.start_mark
                    message = (
                        f"duplicated mapping key {key.value} ({mark.line + 1}:{mark.column + 1})"
                    )
                    yield FrontMatterProblem("duplicate-key", message, first_line + mark.line)
                seen.add(key.value)


def _ambiguous(root: yaml.Node, first_line: int) -> Iterator[FrontMatterProblem]:
    """Unquoted values that a YAML 1.1 reader (PyYAML, so the Python client) takes for another."""
    import yaml

    client: Any = yaml.SafeLoader("")
    hub = _loader()("")
    for node in _walk(root):
        if not isinstance(node, yaml.ScalarNode) or node.style is not None:
            continue
        if node.tag != hub.resolve(yaml.ScalarNode, node.value, (True, False)):
            continue  # the card names the type itself
        read_by_client = client.resolve(yaml.ScalarNode, node.value, (True, False))
        line = first_line + node.start_mark.line
        if read_by_client != node.tag and not read_by_client.endswith(":merge"):
            kind = read_by_client.rsplit(":", 1)[-1]
            message = f"{node.value} is read as {kind} by YAML 1.1 readers; quote it"
            yield FrontMatterProblem("ambiguous", message, line)
        elif node.tag.endswith(":float") and re.fullmatch(r"\d+\.\d*0", node.value):
            message = f"{node.value} is a number and loses its last zero; quote a version"
            yield FrontMatterProblem("ambiguous", message, line)
