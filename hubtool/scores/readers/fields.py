"""What the fields of all score files must be, and one sentence for each that is not.

Numbers are strict: ``true`` is no 1 and ``"62.1"`` no number. Every size has an
upper end, so that arithmetic on it cannot overflow.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from hubtool.errors import ScoreFileInvalid

MOST_ITEMS = 10**9
# 9999-12-31, the last day that Python's dates know
LAST_SECOND = 253_402_300_799


def _integral(value: Any) -> Any:
    """``100.0`` as 100: harnesses write counts of a limited run that way."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _iso_date(value: str) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value[:40]!r} is no date such as 2026-11-20") from None
    return value


Count = Annotated[
    int, BeforeValidator(_integral), Field(strict=True, ge=0, le=MOST_ITEMS)
]  # items, examples
Items = Annotated[int, BeforeValidator(_integral), Field(strict=True, gt=0, le=MOST_ITEMS)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
RepoId = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
Day = Annotated[str, AfterValidator(_iso_date)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]
Moment = Annotated[float, Field(strict=True, ge=0, le=LAST_SECOND)]  # seconds since 1970

Checked = TypeVar("Checked", bound=BaseModel)


def checked(model: type[Checked], data: Any, path: Path, remedy: str, at: str = "") -> Checked:
    """``data`` as a ``model``. Raises ScoreFileInvalid naming file and field, below ``at``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _invalid(error, path, remedy, at, data) from error


# pydantic's kinds of error, in words for whoever wrote the file
_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is no field of this format",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "finite_number": "is not a number",
    "string_type": "is not text",
    "bool_type": "is not true or false",
    "tuple_type": "is not a list",
    "list_type": "is not a list",
    "model_type": "is not an object",
    "dict_type": "is not an object",
    "too_short": "is empty",
    "string_too_short": "is empty",
}


def _invalid(
    error: ValidationError, path: Path, remedy: str, at: str, data: Any
) -> ScoreFileInvalid:
    first = error.errors(include_url=False)[0]
    kind = first["type"]
    field = ".".join(part for part in (at, *_named(first["loc"], data)) if part)
    if kind == "value_error":
        return ScoreFileInvalid(
            f"{path.name}: {f'{field}: ' if field else ''}"
            + first["msg"].removeprefix("Value error, "),
            remedy,
        )
    said = _SAID.get(kind, _limit(first))
    found = "" if kind in ("missing", "extra_forbidden") else f": {_short(first)}"
    return ScoreFileInvalid(f"{path.name}: {field or 'the file'} {said}{found}", remedy)


def _named(loc: tuple[int | str, ...], data: Any) -> list[str]:
    """The path to a field, items of a list by the benchmark that they name."""
    parts = []
    for step in loc:
        try:
            data = data[step]
        except (LookupError, TypeError):
            data = None
        name = data.get("benchmark") if isinstance(step, int) and isinstance(data, dict) else None
        parts.append(name[:60] if isinstance(name, str) and name else str(step))
    return parts


def _limit(error: Any) -> str:
    """What a bound of ours asks: ``must be at most 100``."""
    context = error.get("ctx") or {}
    for key, words in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")):
        if key in context:
            return f"must be {words} {context[key]:,}"
    if "max_length" in context:
        return f"has more than {context['max_length']} characters"
    if "pattern" in context:
        return f"is not of the form {context['pattern']}"
    return str(error["msg"][:1].lower() + error["msg"][1:])


def _short(error: Any) -> str:
    text = repr(error.get("input"))
    return text if len(text) <= 60 else f"{text[:57]}..."
