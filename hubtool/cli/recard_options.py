"""What the commands of ``hubtool recard`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# a window of the Hub's limits ends after 300 s; a run over many repos waits for the next one
PATIENCE_SECONDS = 660.0

PlanArgument = Annotated[Path, typer.Argument(help="The plan.", metavar="PLAN")]
ConcurrencyOption = Annotated[int, typer.Option(min=1, max=64, help="Repos at a time.")]
PaceOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Commits an hour at the most, 0 for no limit. [default: 120; none on this machine]",
        show_default=False,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
OfPlanOption = Annotated[
    list[str] | None,
    typer.Option("--repo", help="Only this one of the plan; repeatable.", metavar="ORG/NAME"),
]


def duration(commits: int, seconds: float) -> str:
    """What so many commits take, in words."""
    from hubtool.console import format_seconds

    many = f"{commits} commit{'s' if commits != 1 else ''}"
    if not seconds:
        return f"{many}, without waiting for the Hub's hourly limit"
    return f"{many}: about {format_seconds(seconds)} at the pace that the Hub allows"
