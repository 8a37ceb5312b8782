"""``hubtool scores``: look at a score file as a card would read it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.card_options import BaselineScoresOption
from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console
from hubtool.errors import TargetExists

if TYPE_CHECKING:
    from hubtool.scores.capability import Capability
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
        console.result(f"{mean_name(capability)}: {_mean(capability, read.baseline_repo)}")
    for note in notes:
        console.result(note)


@app.command("convert")
def convert(
    files: Annotated[list[Path], typer.Argument(help="Score files of any format.")],
    out: Annotated[Path, typer.Option(help="File to write, in hubtool's own format.")],
    baseline_scores: BaselineScoresOption = None,
    baseline: Annotated[
        str | None, typer.Option(help="Quant that the baseline's scores are of, ORG/NAME.")
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
    if out.exists():
        raise TargetExists(f"{out} is there already", "name a new file, or remove that one")
    read = read_all_scores(files, baseline_scores or (), choice)
    if baseline is not None:
        if baseline.count("/") != 1:
            raise typer.BadParameter(f"{baseline!r} is no repo id: write ORG/NAME")
        read = dataclasses.replace(read, baseline_repo=baseline)
    found = dump(read)
    write_whole(out, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    console.data(found)
    count = len(found["candidate"])
    console.result(f"{count} score{'s' if count > 1 else ''} written to {out}")


def _mean(capability: Capability, baseline_repo: str | None) -> str:
    """``65.75 against 64.56 of ORG/NAME, +1.19 (±3.30)``."""
    from hubtool.card.score_wording import mean_delta

    ours = f"{capability.candidate_mean:.2f}"
    if capability.baseline_mean is None:
        return ours
    against = f"{capability.baseline_mean:.2f} of {baseline_repo or 'the baseline'}"
    return f"{ours} against {against}, {mean_delta(capability)}"


def _line(score: Score) -> str:
    from hubtool.scores.noise import interval

    low, high = interval(score)
    cut = "   a part of its set (limit)" if score.partial else ""
    return (
        f"  {score.benchmark:<12} {score.value_percent:6.2f}   "
        f"95 % {low:6.2f} to {high:6.2f}   {score.display_name}{cut}"
    )
