"""The page of commands: the help of each."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator

from reference_pages.tables import NOTE


def commands_page() -> str:
    """The ``--help`` of every command, and of those inside a group."""
    os.environ["COLUMNS"] = "96"
    from typer.testing import CliRunner

    from hubtool.cli.app import COMMANDS, app

    parts = [NOTE, "# Commands\n"]
    for name in ("", *(each for top in COMMANDS for each in (top, *commands_in(top)))):
        arguments = [*name.split(), "--help"]
        result = CliRunner().invoke(app, arguments, prog_name="hubtool", terminal_width=96)
        parts.append(
            f"## hubtool {name}".rstrip() + f"\n\n```text\n{result.output.rstrip()}\n```\n"
        )
    return "\n".join(parts)


def commands_in(name: str) -> Iterator[str]:
    """``recard plan``, ``recard apply``, ... for ``recard``; nothing for a single command."""
    from typer import Typer

    from hubtool.cli.app import COMMANDS

    module, attribute, _ = COMMANDS[name]
    target = getattr(importlib.import_module(module), attribute)
    for command in target.registered_commands if isinstance(target, Typer) else ():
        yield f"{name} {command.name or command.callback.__name__}"
