"""What the Hub refuses and warns about in a card's front matter, field by field.

These are the answers of ``/api/validate-yaml`` as they have been recorded;
the real Hub's schema is larger. The local Hub and the offline linter both ask
here, so that a rehearsal refuses what the Hub would refuse.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from hubtool.card.frontmatter import FrontMatter
from hubtool.licences.identifiers import LICENCE_IDENTIFIERS

RELATIONS = ("adapter", "merge", "quantized", "finetune")
SPECIAL_LANGUAGES = frozenset({"code", "multilingual"})

_REPO_PART = r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REPO_ID = re.compile(rf"(?:{_REPO_PART}/)?{_REPO_PART}(?<!\.git)")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclasses.dataclass(frozen=True)
class MetadataProblem:
    """One thing that is wrong. ``rule`` is stable, ``field`` a path such as ``license`` or ``""``.

    ``severity`` is ``error`` (the Hub refuses the commit), ``warning`` (it
    accepts and says so) or ``advice`` (it says nothing, other readers stumble).
    """

    rule: str
    severity: Literal["error", "warning", "advice"]
    field: str
    message: str
    line: int | None = None


def metadata_problems(card: FrontMatter) -> tuple[MetadataProblem, ...]:
    """Everything that is wrong with the block of a card, the Hub's refusals first."""
    found = [*_block_problems(card)]
    if card.readable:
        for rule in _RULES:
            found += rule(card.data)
    order = ("error", "warning", "advice")
    return tuple(sorted(found, key=lambda problem: order.index(problem.severity)))


def is_repo_id(value: object) -> bool:
    """True for ``name`` or ``namespace/name`` as the Hub spells ids; False for paths and titles."""
    return isinstance(value, str) and _REPO_ID.fullmatch(value) is not None


def as_list(value: object) -> list[Any]:
    """A field that may hold one value or a list: always the list, empty for None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


# --- the block ---------------------------------------------------------------

_BLOCK_MESSAGES: dict[str, tuple[Literal["error", "warning", "advice"], str]] = {
    "missing": ("warning", "empty or missing yaml metadata in repo card"),
    "blank": ("error", "The YAML metadata of your README.md is invalid."),
    "scalar": ("error", "The YAML metadata of your README.md is invalid."),
    "list": ("error", '"value" must be of type object'),
    "syntax": ("error", "Invalid YAML in README.md: {message}"),
    "duplicate-key": ("error", "Invalid YAML in README.md: {message}"),
    "bom": ("advice", "README.md {message}"),
    "ambiguous": ("advice", "{message}"),
}


def _block_problems(card: FrontMatter) -> Iterator[MetadataProblem]:
    for problem in card.problems:
        severity, text = _BLOCK_MESSAGES[problem.kind]
        message = text.format(message=problem.message)
        yield MetadataProblem(f"block/{problem.kind}", severity, "", message, problem.line)


# --- the fields --------------------------------------------------------------


def _error(rule: str, field: str, message: str) -> MetadataProblem:
    return MetadataProblem(rule, "error", field, f'"{field}" {message}')


def _items(data: dict[str, Any], field: str) -> Iterator[tuple[str, Any]]:
    """Every value of a one-or-many field with the path that messages name."""
    value = data.get(field)
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield f"{field}[{position}]", item
    elif field in data:
        yield field, value


def _licence(data: dict[str, Any]) -> Iterator[MetadataProblem]:
    for path, value in _items(data, "license"):
        if value not in LICENCE_IDENTIFIERS:
            known = ", ".join(LICENCE_IDENTIFIERS)
            yield _error("field/license", path, f"must be one of [{known}]")


def _base_model(data: dict[str, Any]) -> Iterator[MetadataProblem]:
    for path, value in _items(data, "base_model"):
        if not is_repo_id(value):
            message = f'with value "{value}" is not valid. Use a model id from the Hub, org/name'
            yield _error("field/base_model", path, message)


def _relation(data: dict[str, Any]) -> Iterator[MetadataProblem]:
    value = data.get("base_model_relation")
    if value is not None and value not in RELATIONS:
        message = f'"base_model_relation" should be one of [{", ".join(RELATIONS)}]'
        yield MetadataProblem("field/base_model_relation", "advice", "base_model_relation", message)


def _language(data: dict[str, Any]) -> Iterator[MetadataProblem]:
    for path, value in _items(data, "language"):
        known = isinstance(value, str) and (
            value in SPECIAL_LANGUAGES or _LANGUAGE.fullmatch(value) is not None
        )
        if not known:
            special = ", ".join(sorted(SPECIAL_LANGUAGES))
            message = f'with value "{value}" is not a two- or three-letter code or one of {special}'
            yield _error("field/language", path, message)


def _model_index(data: dict[str, Any]) -> Iterator[MetadataProblem]:
    if "model-index" not in data:
        return
    models = data["model-index"]
    if not isinstance(models, list):
        yield _error("field/model-index", "model-index", "must be an array")
        return
    for position, model in enumerate(models):
        path = f"model-index[{position}]"
        if not isinstance(model, dict):
            yield _error("field/model-index", path, "must be of type object")
            continue
        yield from _required(model, path, "name", "results")
        if "results" in model and not isinstance(model["results"], list):
            yield _error("field/model-index", f"{path}.results", "must be an array")
        elif "results" in model:
            for number, result in enumerate(model["results"]):
                yield from _result(result, f"{path}.results[{number}]")


def _result(result: object, path: str) -> Iterator[MetadataProblem]:
    if not isinstance(result, dict):
        yield _error("field/model-index", path, "must be of type object")
        return
    yield from _part(result, path, "task", ("type",))
    yield from _part(result, path, "dataset", ("type", "name"))
    metrics = result.get("metrics")
    if not isinstance(metrics, list):
        yield _error("field/model-index", f"{path}.metrics", "must be an array")
        return
    for number, metric in enumerate(metrics):
        where = f"{path}.metrics[{number}]"
        if isinstance(metric, dict):
            yield from _required(metric, where, "type", "value")
            yield from _text_config(metric, where)
        else:
            yield _error("field/model-index", where, "must be of type object")


def _part(
    result: dict[str, Any], path: str, name: str, required: tuple[str, ...]
) -> Iterator[MetadataProblem]:
    part = result.get(name)
    if not isinstance(part, dict):
        yield _error("field/model-index", f"{path}.{name}", "is required")
        return
    yield from _required(part, f"{path}.{name}", *required)
    yield from _text_config(part, f"{path}.{name}")


def _text_config(part: dict[str, Any], path: str) -> Iterator[MetadataProblem]:
    if "config" in part and not isinstance(part["config"], str):
        yield _error("field/model-index", f"{path}.config", "must be a string")


def _required(part: dict[str, Any], path: str, *names: str) -> Iterator[MetadataProblem]:
    for name in names:
        if part.get(name) is None:
            yield _error("field/model-index", f"{path}.{name}", "is required")


_RULES: tuple[Callable[[dict[str, Any]], Iterator[MetadataProblem]], ...] = (
    _licence,
    _base_model,
    _relation,
    _language,
    _model_index,
)
