"""GitHub's expressions (``${{ ... }}``), as far as our action and workflows use them.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions: strings compare
without case, an unknown property is null, ``&&`` and ``||`` give one of their operands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>&&|\|\||==|!=|<=|>=|[!<>()\[\].,]))"
)
_LITERALS = {"true": True, "false": False, "null": None}


class Expression:
    """A parser that evaluates while it reads. ``functions`` beside the usual: success() and so on."""

    def __init__(
        self, text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
    ) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._contexts = contexts
        self._functions = {**_FUNCTIONS, **functions}

    def value(self) -> Any:
        found = self._either()
        assert self._at == len(self._tokens), f"unread: {self._tokens[self._at :]}"
        return found

    def _peek(self) -> str | None:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def _take(self, *signs: str) -> str | None:
        if self._peek() in signs and self._tokens[self._at][0] == "sign":
            self._at += 1
            return self._tokens[self._at - 1][1]
        return None

    def _either(self) -> Any:
        found = self._both()
        while self._take("||"):
            other = self._both()
            found = found if truth(found) else other
        return found

    def _both(self) -> Any:
        found = self._compared()
        while self._take("&&"):
            other = self._compared()
            found = other if truth(found) else found
        return found

    def _compared(self) -> Any:
        found = self._negated()
        while sign := self._take("==", "!=", "<", ">", "<=", ">="):
            left, right = _comparable(found, self._negated())
            found = {
                "==": left == right,
                "!=": left != right,
                "<": left < right if sign == "<" else None,
                ">": left > right if sign == ">" else None,
                "<=": left <= right if sign == "<=" else None,
                ">=": left >= right if sign == ">=" else None,
            }[sign]
        return found

    def _negated(self) -> Any:
        return not truth(self._negated()) if self._take("!") else self._postfixed()

    def _postfixed(self) -> Any:
        found = self._primary()
        while sign := self._take(".", "["):
            if sign == ".":
                key: Any = self._tokens[self._at][1]
                self._at += 1
            else:
                key = self._either()
                assert self._take("]")
            found = _property(found, key)
        return found

    def _primary(self) -> Any:
        if self._take("("):
            found = self._either()
            assert self._take(")")
            return found
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "string":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text)
        assert kind == "name", f"unexpected {text!r}"
        if self._take("("):
            return self._functions[text](*self._arguments())
        return _LITERALS[text] if text in _LITERALS else self._contexts[text]

    def _arguments(self) -> list[Any]:
        found: list[Any] = []
        while not self._take(")"):
            found.append(self._either())
            self._take(",")
        return found


def truth(value: Any) -> bool:
    """What GitHub takes for true: all but false, null, 0 and the empty string."""
    return value not in (False, None, 0, "")


def text_of(value: Any) -> str:
    """A value as it stands in a string."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def fill(
    text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
) -> str:
    """``text`` with every ``${{ ... }}`` replaced by its value."""
    return re.sub(
        r"\$\{\{(.*?)\}\}",
        lambda match: text_of(Expression(match[1], contexts, functions).value()),
        text,
        flags=re.DOTALL,
    )


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        assert match is not None, f"cannot read {text[at:]!r}"
        assert match.lastgroup is not None
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _property(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, float):
        return value[int(key)] if 0 <= key < len(value) else None
    return None


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower(), right.lower()
    if type(left) is type(right):
        return left, right
    return _number(left), _number(right)


def _number(value: Any) -> float:
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, list):
        return what in where
    return text_of(what).lower() in text_of(where).lower()


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "contains": _contains,
    "startsWith": lambda text, start: text_of(text).lower().startswith(text_of(start).lower()),
    "format": lambda text, *values: re.sub(
        r"\{(\d+)\}", lambda match: text_of(values[int(match[1])]), text
    ),
    "fromJSON": json.loads,
    "toJSON": json.dumps,
}
