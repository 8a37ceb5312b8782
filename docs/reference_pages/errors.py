"""The page of errors: ids, exit codes, and what each error advises."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import hubtool
from hubtool import errors
from reference_pages.tables import NOTE


def error_classes(root: type[errors.HubtoolError] = errors.HubtoolError) -> Iterator[type]:
    """Every error class, parents first."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


def errors_page() -> str:
    """One section an error: id, exit code, explanation."""
    parts = [
        NOTE,
        "# Errors\n",
        "Exit codes: 0 done · 1 a check or verification failed · 2 bad usage or input · "
        "3 refused by a licence or safety rule · 4 Hub or network, after all retries · "
        "5 interrupted, run the same command to resume · 70 a bug in hubtool.\n",
        "Every error prints a line `fix:`. Below each are the fixes that it may name; `…` stands "
        "for what is filled in.\n",
    ]
    found: list[type[errors.HubtoolError]] = sorted(error_classes(), key=lambda item: item.id)
    advice = remedies()
    for error in found:
        text = inspect.getdoc(error) or ""
        parts.append(f"## {error.id} {error.__name__}\n\nExit code {error.exit_code}. {text}\n")
        if error.__name__ in advice:
            parts += [f"- {one}" for one in advice[error.__name__]] + [""]
    return "\n".join(parts)


def remedies() -> dict[str, list[str]]:
    """Error's name -> what it advises, wherever the code raises it; `…` is what is filled in."""
    found: dict[str, dict[str, None]] = {}
    for file in sorted((Path(hubtool.__file__).parent).rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                text = _text_of(call.args[1]) if len(call.args) > 1 else ""
                if text.strip("…"):
                    found.setdefault(call.func.id, {})[text] = None
    return {name: sorted(texts) for name, texts in found.items()}


def _text_of(node: ast.expr) -> str:
    """A string or f-string of the code, with … for what is not known before it runs."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part) for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "…"
