"""What the fields of all score files must be, and one sentence for each that is not.

Numbers are strict: ``true`` is no 1 and ``"62.1"`` no number. Every size has an
upper end, so that arithmetic on it cannot overflow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from hubtool.errors import ScoreFileInvalid

MOST_ITEMS = 10**9
# 9999-12-31, the last day that Python's dates know
LAST_SECOND = 253_402_300_799


def _integral(value: Any) -> Any:
    """``100.0`` as 100: harnesses write counts of a limited run that way."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[
    int, BeforeValidator(_integral), Field(strict=True, ge=0, le=MOST_ITEMS)
]  # items, examples
Items = Annotated[int, BeforeValidator(_integral), Field(strict=True, gt=0, le=MOST_ITEMS)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]
Moment = Annotated[float, Field(strict=True, ge=0, le=LAST_SECOND)]  # seconds since 1970

Checked = TypeVar("Checked", bound=BaseModel)


def checked(model: type[Checked], data: Any, path: Path, remedy: str, at: str = "") -> Checked:
    """``data`` as a ``model``. Raises ScoreFileInvalid naming file and field, below ``at``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _invalid(error, path, remedy, at) from error


def checked_value(kind: Any, value: Any, path: Path, remedy: str, at: str) -> Any:
    """``value`` as a ``kind`` such as :data:`Fraction`. Raises as :func:`checked` does."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise _invalid(error, path, remedy, at) from error


def _invalid(error: ValidationError, path: Path, remedy: str, at: str) -> ScoreFileInvalid:
    first = error.errors(include_url=False)[0]
    field = ".".join(part for part in (at, *map(str, first["loc"])) if part)
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] in ("model_type", "dict_type"):
        said = "Input should be an object"  # and not: an instance of a class of ours
    found = "" if first["type"] in ("value_error", "missing") else f" (found {_short(first)})"
    where = f"{field}: " if field else ""
    return ScoreFileInvalid(f"{path.name}: {where}{said}{found}", remedy)


def _short(error: Any) -> str:
    return str(error.get("input"))[:60]
