"""``hubtool doctor``: what this machine brings."""

from __future__ import annotations

from pathlib import Path

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console


def doctor(json_output: JsonOption = False) -> None:
    """Show what this machine brings, and what would make it faster.

    Versions, device, who computes matrix products and how fast, memory, disk,
    sign-in. Asks no server, and never shows a token.

    Example: hubtool doctor
    """
    console = open_console(json_output)

    from hubtool.doctor import as_table, diagnose

    found = diagnose(Path())
    console.data(found.to_json())
    console.result(as_table(found))
