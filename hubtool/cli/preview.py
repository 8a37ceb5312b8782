"""``hubtool card preview``: the page that a card will have, while it is being written."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.card_options import BaselineScoresOption, ScoresOption
from hubtool.cli.options import HubOption, JsonOption, RepoRevisionOption, is_repo_id, no_folder
from hubtool.cli.output import open_console
from hubtool.cli.serving import StopSignals
from hubtool.cli.session import open_hub
from hubtool.errors import PathNotFound

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.preview.folder import FolderSource
    from hubtool.preview.source import PreviewSource


def preview(
    subject: Annotated[str, typer.Argument(help="Folder, or Hub id ORG/NAME.", metavar="DIR|REPO")],
    scores: ScoresOption = None,
    baseline_scores: BaselineScoresOption = None,
    template: Annotated[
        str | None, typer.Option(help="Card template: a name or a file. [default: the card's own]")
    ] = None,
    brand: Annotated[
        str | None, typer.Option(help="Card brand: a name or a file. [default: the card's own]")
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Show the README.md of the folder; render nothing.")
    ] = False,
    revision: RepoRevisionOption = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")
    ] = 0,
    open_browser: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open a browser. [default: on a terminal]"),
    ] = None,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show a card as its page on the Hub will look, and again after every change.

    A folder with optiq/release.json is rendered anew from its facts; nothing is written.
    Of a repo's weights only the headers are read. Ctrl-C ends it.

    Example: hubtool card preview ./quant --template ./my-card.md.j2
    """
    console = open_console(json_output)
    if Path(subject).is_dir():
        if revision:
            raise typer.BadParameter("--revision goes with a repo, not with a folder")
        source: PreviewSource = _folder_source(
            Path(subject), (template, brand), scores or (), baseline_scores or (), as_is, console
        )
    elif is_repo_id(subject):
        if scores or template or brand or as_is:
            raise typer.BadParameter(
                "--scores, --template, --brand and --as-is go with a folder: "
                "a repo is shown as it stands"
            )
        client = open_hub(hub, console)

        from hubtool.preview.remote import RemoteSource

        source = RemoteSource(client, subject, revision)
    else:
        raise no_folder(subject, "name a folder, or a repo as ORG/NAME")
    _show(source, port, open_browser, console)


def _show(source: PreviewSource, port: int, open_browser: bool | None, console: Console) -> None:
    """Serve the page until a signal ends it."""
    from hubtool.preview.app import start_preview

    stop = StopSignals()
    running = start_preview(source, port=port)
    console.result(running.url)
    console.data({"url": running.url, "origin": source.origin})
    console.note(f"{source.origin}; Ctrl-C ends it")
    if sys.stdout.isatty() if open_browser is None else open_browser:
        typer.launch(running.url)
    stop.wait()
    if not running.stop():  # a thread is stuck in a read, and would keep the interpreter here
        sys.stdout.flush()
        os._exit(0)


def _folder_source(
    folder: Path,
    look: tuple[str | None, str | None],
    scores: Sequence[Path],
    baseline_scores: Sequence[Path],
    as_is: bool,
    console: Console,
) -> FolderSource:
    """The folder, once everything that was named is known to be there; warns of what is idle."""
    from hubtool.artifact.layout import PROVENANCE_FILE
    from hubtool.card.provenance import Provenance
    from hubtool.card.recompose import Look
    from hubtool.card.templates import load_brand, template_file
    from hubtool.preview.folder import FolderSource

    known = (
        None if as_is or not (folder / PROVENANCE_FILE).is_file() else Provenance.of_folder(folder)
    )
    template, brand = Look(*look).of(known)
    template_file(template)
    load_brand(brand)
    for file in (*scores, *baseline_scores):
        if not file.is_file():
            raise PathNotFound(f"no score file at {file}", "correct the path")
    source = FolderSource(folder, template, brand, tuple(scores), tuple(baseline_scores), as_is)
    if not source.renders and (any(look) or scores):
        console.warn("README.md is shown as it stands: template, brand and scores are not used")
    return source
