"""Options that several commands share, declared once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

HubOption = Annotated[
    str | None,
    typer.Option(
        "--hub",
        metavar="local|local:DIR|URL",
        help="Which Hub: `local` rehearses on a Hub of your own machine. "
        "Default: the one huggingface_hub is set to.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print records on stdout, nothing for people.")
]
TrustOption = Annotated[
    bool,
    typer.Option("--trust-remote-code", help="Allow the base's own Python code to run."),
]


def comma_numbers(value: str | None) -> tuple[int, ...] | None:
    """``"4,8"`` -> ``(4, 8)``; raises typer.BadParameter for anything else."""
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{value!r} is not a list of numbers such as 4,8") from error


def without_unset(options: dict[str, Any]) -> dict[str, Any]:
    """``options`` without the ones that were not given (None)."""
    return {name: value for name, value in options.items() if value is not None}
