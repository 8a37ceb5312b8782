"""Write the reference pages that are made from the code: errors, commands, manifest.

python docs/generate.py           write them
python docs/generate.py --check   exit 1 if one is out of date
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hubtool import errors
from hubtool.release.manifest import ReleaseManifest

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Made by docs/generate.py from the code: do not edit. -->\n"


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
    ]
    found: list[type[errors.HubtoolError]] = sorted(error_classes(), key=lambda item: item.id)
    for error in found:
        text = inspect.getdoc(error) or ""
        parts.append(f"## {error.id} {error.__name__}\n\nExit code {error.exit_code}. {text}\n")
    return "\n".join(parts)


def manifest_page() -> str:
    """Every field of a release manifest with type, default and meaning."""
    parts = [
        NOTE,
        "# Release manifest\n",
        "A YAML file for `hubtool release --manifest FILE`. Flags override it; paths are relative "
        "to it; the pinned revision is kept beside it in `FILE.lock.yaml`.\n",
        "| field | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *_fields(ReleaseManifest, ""),
    ]
    return "\n".join(parts) + "\n"


def _fields(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name}.")
            continue
        shown = getattr(kind, "__name__", "") if isinstance(kind, type) else str(kind)
        shown = shown.replace("typing.", "").replace("|", "or")
        default = "required" if field.default is PydanticUndefined else f"`{field.default}`"
        yield f"| `{prefix}{name}` | {shown} | {default} | {field.description or ''} |"


def commands_page() -> str:
    """The ``--help`` of every command."""
    os.environ["COLUMNS"] = "96"
    from typer.testing import CliRunner

    from hubtool.cli.app import COMMANDS, app

    parts = [NOTE, "# Commands\n"]
    for name in ("", *COMMANDS):
        arguments = [*name.split(), "--help"]
        result = CliRunner().invoke(app, arguments, prog_name="hubtool", terminal_width=96)
        parts.append(
            f"## hubtool {name}".rstrip() + f"\n\n```text\n{result.output.rstrip()}\n```\n"
        )
    return "\n".join(parts)


PAGES = {"errors.md": errors_page, "manifest.md": manifest_page, "commands.md": commands_page}


def main() -> int:
    """Write or check every page; the exit code."""
    stale = []
    for name, make in PAGES.items():
        file, text = REFERENCE / name, make()
        if "--check" not in sys.argv:
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"out of date: {', '.join(stale)}; run `python docs/generate.py`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
