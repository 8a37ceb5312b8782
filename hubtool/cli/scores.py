"""``hubtool scores``: look at a score file as a card would read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console

if TYPE_CHECKING:
    from hubtool.scores.record import Score

app = typer.Typer(
    help="Read score files as a card would.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


@app.callback()
def scores() -> None:
    """Read score files as a card would.

    Example: hubtool scores validate results.json
    """


@app.command("validate")
def validate(
    file: Annotated[Path, typer.Argument(help="Score file of any format that hubtool reads.")],
    json_output: JsonOption = False,
) -> None:
    """Read a score file and show what a card would take from it.

    Exit code 2, naming file and field, for anything that cannot be.

    Example: hubtool scores validate results.json
    """
    console = open_console(json_output)

    from hubtool.scores.capability import compare
    from hubtool.scores.readers.interface import read_scores

    read = read_scores(file)
    console.data(read.to_json())
    for side, rows in (("candidate", read.candidate), ("baseline", read.baseline)):
        if rows:
            console.result("\n".join([f"{side}:", *(_line(score) for score in rows)]))
    capability = compare(read)
    if capability is not None:
        name = "Capability Score" if capability.complete else "mean (not the Capability Score)"
        console.result(f"{name}: {capability.candidate_mean:.2f}")


def _line(score: Score) -> str:
    error = f" +- {score.stderr_percent:.2f}" if score.stderr_percent is not None else ""
    cut = "   cut short" if score.partial else ""
    return f"  {score.benchmark:<12} {score.value_percent:6.2f}{error}   {score.display_name}{cut}"
