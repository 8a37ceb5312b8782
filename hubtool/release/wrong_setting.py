"""What is wrong with a setting, under the name it was given by: a flag, or a manifest's field."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.errors import ManifestInvalid

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# the kind of error that is about several fields at once; see ``QuantizeOptions``
TOGETHER = "together"
# flags that are not called as their field is
_FLAGS = {
    "base": "BASE",
    "verification.tokens": "--verify-tokens",
    "accept_licences": "--accept-licence",
}
_OWN_FLAGS = {("hubtool measure", "calibration_tokens"): "--tokens"}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where settings come from: the flags of ``command``, over those of ``file`` if there is one.

    ``flags`` are nested as the manifest's fields are.
    """

    command: str
    flags: Mapping[str, Any]
    file: Path | None = None

    def invalid(self, error: ValidationError) -> ManifestInvalid:
        """The first thing that is wrong, as an error that names flag or file and field."""
        first = error.errors()[0]
        if first["type"] == TOGETHER:
            return self._invalid_together(first)
        path = first["loc"]
        name = self._name(path)
        found = "" if first["type"] == "missing" else f" (found {first['input']!r})"
        what = first["msg"].removeprefix("Value error, ")
        return ManifestInvalid(
            f"{self._where(path)}{name}: {what}{found}",
            f"correct {name}; {self._reference(path)}",
            field=_dotted(path),
        )

    def _invalid_together(self, error: ErrorDetails) -> ManifestInvalid:
        context = error["ctx"]
        paths = [(*error["loc"], field) for field in context["fields"]]
        named = [self._name(path) for path in paths]
        if "beside" not in context:
            return ManifestInvalid(
                f"{self._where(paths[0])}{' and '.join(named)}: {error['msg']}",
                "name one of them",
                field=_dotted(paths[0]),
            )
        beside = (*error["loc"], context["beside"])
        joint = " " if self._is_flag(beside) else ": "
        value = f"{joint}{context['value']}" if context["value"] else ""
        return idle_beside(named, self._name(beside) + value, self._where(paths[0]))

    def _is_flag(self, path: Sequence[int | str]) -> bool:
        """Whether this came from the command line: all does without a file."""
        found: Any = self.flags
        for key in path:
            if not isinstance(found, Mapping):
                break
            found = found.get(str(key))
        return self.file is None or found is not None

    def _name(self, path: Sequence[int | str]) -> str:
        if not self._is_flag(path):
            return _dotted(path)
        field = ".".join(key for key in path if isinstance(key, str))
        own = _OWN_FLAGS.get((self.command, field)) or _FLAGS.get(field)
        return own or f"--{field.rpartition('.')[2].replace('_', '-')}"

    def _where(self, path: Sequence[int | str]) -> str:
        return "" if self._is_flag(path) else f"{self.file}: "

    def _reference(self, path: Sequence[int | str]) -> str:
        if self._is_flag(path):
            return f"`{self.command} --help` shows what it takes"
        return "docs/reference/manifest.md lists every field"


def idle_beside(idle: Sequence[str], beside: str, where: str = "") -> ManifestInvalid:
    """The error for settings of a measurement where nothing is measured."""
    named = " and ".join(idle)
    return ManifestInvalid(
        f"{where}{named} beside {beside}: nothing is measured then",
        f"leave {named} out, or {beside}",
        field=idle[0],
    )


def _dotted(path: Sequence[int | str]) -> str:
    return ".".join(str(key) for key in path)
