"""``hubtool scores``: look at a score file as a card would read it."""

from __future__ import annotations

import json
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

    from hubtool.card.score_wording import doubts, mean_name
    from hubtool.scores.capability import compare
    from hubtool.scores.readers.interface import read_scores

    read = read_scores(file)
    capability = compare(read)
    notes = doubts(capability) if capability else ()
    console.data({**read.to_json(), "notes": notes})
    for side, rows in (("candidate", read.candidate), ("baseline", read.baseline)):
        if rows:
            console.result("\n".join([f"{side}:", *(_line(score) for score in rows)]))
    if capability is not None:
        console.result(f"{mean_name(capability)}: {capability.candidate_mean:.2f}")
    for note in notes:
        console.result(note)


@app.command("convert")
def convert(
    files: Annotated[list[Path], typer.Argument(help="Score files of any format.")],
    out: Annotated[Path, typer.Option(help="File to write, in hubtool's own format.")],
    baseline: Annotated[
        list[Path] | None, typer.Option(help="Score file of the baseline; repeatable.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(help="Take only this task, or this part of a group; repeatable."),
    ] = None,
    filter_: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="TASK=FILTER",
            help="Answer filter to read, such as gsm8k=flexible-extract; repeatable.",
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Put score files of any format into one of hubtool's own.

    Each score keeps the name and sha256 of the file that it came from.

    Example: hubtool scores convert results.json --filter gsm8k=flexible-extract --out scores.json
    """
    console = open_console(json_output)

    from hubtool.records import write_whole
    from hubtool.scores.readers.hubtool_json import dump
    from hubtool.scores.readers.interface import Choice, read_all_scores

    pairs = [one.partition("=") for one in filter_ or ()]
    if not all(name and value for name, _, value in pairs):
        raise typer.BadParameter("--filter is written TASK=FILTER")
    choice = Choice(tuple(task or ()), {name: value for name, _, value in pairs})
    found = dump(read_all_scores(files, baseline or (), choice))
    write_whole(out, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    console.data(found)
    console.result(f"{len(found['candidate'])} scores written to {out}")


def _line(score: Score) -> str:
    from hubtool.scores.noise import interval

    low, high = interval(score)
    cut = "   cut short" if score.partial else ""
    return (
        f"  {score.benchmark:<12} {score.value_percent:6.2f}   "
        f"95 % {low:6.2f} to {high:6.2f}   {score.display_name}{cut}"
    )
