"""Options about cards that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AcceptLicenceOption = Annotated[
    list[str] | None,
    typer.Option(help="A licence with limits that you have read; repeatable.", metavar="ID"),
]
ScoresOption = Annotated[
    list[Path] | None, typer.Option(help="Score file to put on the card; repeatable.")
]
BaselineScoresOption = Annotated[
    list[Path] | None, typer.Option(help="Score file of the baseline; repeatable.")
]
RenderedTemplateOption = Annotated[
    str | None, typer.Option(help="Card template. [default: the one it was rendered with]")
]
RenderedBrandOption = Annotated[
    str | None, typer.Option(help="Card brand. [default: the one it was rendered with]")
]
OverwriteEditedOption = Annotated[
    bool,
    typer.Option("--overwrite-edited", help="Replace blocks that were edited by hand, too."),
]
