"""``hubtool doctor``: what this machine brings."""

from __future__ import annotations

from pathlib import Path

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console


def doctor(json_output: JsonOption = False) -> None:
    """Show versions, device, BLAS with its measured speed, memory, disk and sign-in.

    Says what would make measuring faster. Asks no server, and never shows a token.

    Example: hubtool doctor
    """
    console = open_console(json_output)

    from hubtool.doctor import as_table, diagnose

    found = diagnose(Path())
    console.data(found.to_json())
    console.result(as_table(found))
