"""Options that several commands share, declared once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hubtool.errors import PathNotFound
from hubtool.quantize.calibration import LEAST_TOKENS
from hubtool.quantize.choice import DEFAULT_CHOICES, DEFAULT_GROUP_SIZE
from hubtool.quantize.rounding.interface import DEFAULT_ROUNDING, ROUNDINGS

if TYPE_CHECKING:
    from pydantic import BaseModel

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
RepoRevisionOption = Annotated[
    str | None, typer.Option(help="Branch, tag or commit of a repo. [default: main]")
]
PrivateOption = Annotated[bool, typer.Option("--private", help="Create the repo private.")]
PrOption = Annotated[bool, typer.Option("--pr", help="Open a pull request.")]
TargetBpwOption = Annotated[
    float | None,
    typer.Option(help="Budget in nominal bits per weight. [default: 5.0, if no budget is named]"),
]
StoredBpwOption = Annotated[
    float | None,
    typer.Option(help="Budget in stored bits per weight: all bytes of the weights count."),
]
MaxSizeOption = Annotated[
    str | None, typer.Option(help="Budget in bytes of weights.", metavar="5GB")
]
FitOption = Annotated[
    str | None,
    typer.Option(help="Budget by a Mac's memory: weights, cache and overhead fit.", metavar="16GB"),
]
ContextOption = Annotated[
    int | None, typer.Option(help="Tokens of cache that --fit leaves. [default: 8192]")
]
CandidateBitsOption = Annotated[
    str | None,
    typer.Option(
        help="Widths to choose from; 16 keeps a component as it is. "
        f"[default: {','.join(map(str, DEFAULT_CHOICES.bits))}]",
        metavar="4,8",
    ),
]
GroupSizesOption = Annotated[
    str | None,
    typer.Option(
        help="Group sizes to choose from beside 64, where the budget counts their bytes. "
        f"[default: {','.join(map(str, DEFAULT_CHOICES.group_sizes))}]",
        metavar="32,64,128",
    ),
]
GroupSizeOption = Annotated[
    int | None, typer.Option(help=f"Weights that share one scale. [default: {DEFAULT_GROUP_SIZE}]")
]
ReferenceOption = Annotated[
    str | None,
    typer.Option(help="What to measure against. [default: auto]", metavar="auto|bf16|uniform4"),
]
CalibrationTokensOption = Annotated[
    int | None,
    typer.Option(help="Tokens of the calibration mix to read. [default: 3072]", min=LEAST_TOKENS),
]
MethodOption = Annotated[
    str | None,
    typer.Option(help="How to measure. [default: fisher]", metavar="fisher|exact|static"),
]
RoundingOption = Annotated[
    str | None,
    typer.Option(
        help=f"How weights are rounded. [default: {DEFAULT_ROUNDING}]", metavar="|".join(ROUNDINGS)
    ),
]
SensitivityOption = Annotated[
    str | None,
    typer.Option(
        help="Sensitivities to use instead of measuring: a file of `hubtool measure`, or a "
        "published one.",
        metavar="FILE|REPO",
    ),
]


def is_repo_id(subject: str) -> bool:
    """Whether a ``DIR|REPO`` that is no folder means a repo of the Hub: ORG/NAME, and no file."""
    no_path = not subject.startswith((".", "/", "~")) and not Path(subject).exists()
    return subject.count("/") == 1 and no_path


def no_folder(path: Path | str, remedy: str) -> PathNotFound:
    """The error for a path that should be a folder."""
    what = f"{path} is a file, not a folder" if Path(path).is_file() else f"no folder at {path}"
    return PathNotFound(what, remedy)


def require_parent(file: Path, flag: str) -> None:
    """Raise PathNotFound unless ``file`` is no folder, and can be written to the one it is in."""
    if not file.parent.is_dir():
        raise PathNotFound(
            f"{flag} {file}: no folder at {file.parent}", "make it, or name another file"
        )
    if file.is_dir():
        raise PathNotFound(f"{flag} {file} is a folder", "name a file")
    if not os.access(file.parent, os.W_OK):
        raise PathNotFound(
            f"{flag} {file}: no right to write to {file.parent}", "name another file, or get it"
        )


def given_flags(context: typer.Context, names: Sequence[str]) -> list[str]:
    """Those of the parameters ``names`` that the command line holds, as it spells them."""
    return [f"--{name.replace('_', '-')}" for name in names if _is_given(context, name)]


def given_fields(context: typer.Context, part: type[BaseModel]) -> dict[str, Any]:
    """The parameters of the command line that are fields of a manifest's ``part``, by name."""
    return {name: context.params[name] for name in part.model_fields if _is_given(context, name)}


def quantize_fields(context: typer.Context) -> dict[str, Any]:
    """The fields of QuantizeOptions that the command line holds, lists of numbers as such."""
    from hubtool.release.quantize_options import QuantizeOptions

    given = given_fields(context, QuantizeOptions)
    for name in given.keys() & {"candidate_bits", "group_sizes"}:
        given[name] = comma_numbers(given[name])
    return given


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_idle_flags(context: typer.Context, *, sensitivity: str | None) -> None:
    """Raise ManifestInvalid for flags of a measurement that --sensitivity leaves out."""
    if sensitivity is None:
        return
    from hubtool.release.quantize_options import MEASURING
    from hubtool.release.wrong_setting import idle_beside

    if idle := given_flags(context, MEASURING):
        raise idle_beside(idle, "--sensitivity")


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
