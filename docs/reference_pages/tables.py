"""What the pages share: the note above each, and a table of a model's fields."""

from __future__ import annotations

import functools
import operator
import types
import typing
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

NOTE = "<!-- Made by docs/generate.py from the code: do not edit. -->\n"


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """A row of Markdown a field, those of a field's own model among them."""
    for name, field in model.model_fields.items():
        kind = _bare(field.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields_of(kind, f"{prefix}{name}.")
            continue
        shown = getattr(kind, "__name__", "") if isinstance(kind, type) else str(kind)
        shown = shown.replace("typing.", "").replace("|", "or")
        default = "required" if field.default is PydanticUndefined else f"`{field.default}`"
        yield f"| `{prefix}{name}` | {shown} | {default} | {field.description or ''} |"


def _bare(kind: typing.Any) -> typing.Any:
    """A type without the conditions that pydantic checks."""
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, map(_bare, typing.get_args(kind)))
    return kind
