"""``hubtool card``: the card of a quant folder, from its facts."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import HubOption, JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub
from hubtool.errors import PathNotFound
from hubtool.records import write_whole

if TYPE_CHECKING:
    from hubtool.console import Console


def card(
    folder: Annotated[Path, typer.Argument(help="Quant folder.")],
    base: Annotated[
        str | None,
        typer.Option(
            help="Hub id of the base: reads its licence and revision anew. Needed for a folder "
            "without optiq/release.json.",
        ),
    ] = None,
    repo: Annotated[
        str | None, typer.Option(help="Repo that the quant will be published as, ORG/NAME.")
    ] = None,
    scores: Annotated[Path | None, typer.Option(help="Score file to put on the card.")] = None,
    template: Annotated[str, typer.Option(help="Card template: a name or a file.")] = "optiq",
    brand: Annotated[str, typer.Option(help="Card brand: a name or a file.")] = "optiq",
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what would change; write nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the card to this file instead of the folder.")
    ] = None,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Render the card of a quant folder from its facts.

    Text outside of hubtool's blocks, and blocks edited by hand, are kept.

    Example: hubtool card ./quant --base ORG/BASE --repo my-org/BASE-OptiQ-4bit --diff
    """
    console = open_console(json_output)
    if (base is None) != (repo is None):
        raise typer.BadParameter("--base and --repo are given together")
    if not folder.is_dir():
        raise PathNotFound(f"no folder at {folder}", "name a quant folder")
    client = open_hub(hub, console) if base else None

    from hubtool.card.recompose import compose_for, recompose

    if client and base and repo:
        page = compose_for(
            folder,
            hub=client,
            base_repo=base,
            target_repo=repo,
            scores_file=scores,
            template=template,
            brand=brand,
            console=console,
        )
    else:
        page = recompose(folder, scores_file=scores, template=template, brand=brand)
    for name in page.kept_edits:
        console.warn(f"block {name} was edited by hand and is kept as it is")
    if diff:
        _show_diff(folder / "README.md", page.text, console)
    elif out is not None:
        write_whole(out, page.text)
        console.result(f"card written to {out}")
    else:
        page.write(folder)
        console.result(f"card written to {folder / 'README.md'}")
    console.data({"text": page.text, "kept_edits": list(page.kept_edits)})


def _show_diff(card: Path, text: str, console: Console) -> None:
    """What would change, as a unified diff on stdout."""
    before = card.read_text(encoding="utf-8") if card.is_file() else ""
    lines = difflib.unified_diff(
        before.splitlines(), text.splitlines(), "README.md now", "README.md new", lineterm=""
    )
    console.result("\n".join(lines) or "nothing would change")
