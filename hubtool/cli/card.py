"""``hubtool card``: the card of a quant folder, from its facts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hubtool.cli.card_options import (
    AcceptLicenceOption,
    BaselineScoresOption,
    OverwriteEditedOption,
    ScoresOption,
)
from hubtool.cli.options import HubOption, JsonOption, no_folder, require_parent
from hubtool.cli.output import open_console
from hubtool.cli.preview import preview
from hubtool.cli.session import open_hub
from hubtool.records import write_whole

if TYPE_CHECKING:
    from hubtool.card.recompose import Look
    from hubtool.card.write import Page
    from hubtool.console import Console


CARD_FILE = "README.md"


_BaseOption = Annotated[
    str | None,
    typer.Option(
        help="Hub id of the base: reads its licence and revision anew. Needed for a folder "
        "without optiq/release.json.",
    ),
]
_RepoOption = Annotated[
    str | None, typer.Option(help="Repo that the quant will be published as, ORG/NAME.")
]
_BaselineOption = Annotated[
    str | None,
    typer.Option(help="Quant that the scores are compared with, ORG/NAME; its headers are read."),
]
_TemplateOption = Annotated[
    str | None,
    typer.Option(help="Card template: a name or a file. [default: the card's own; first optiq]"),
]
_BrandOption = Annotated[
    str | None,
    typer.Option(help="Card brand: a name or a file. [default: the card's own; first optiq]"),
]
_DiffOption = Annotated[bool, typer.Option("--diff", help="Show what would change; write nothing.")]
_OutOption = Annotated[
    Path | None, typer.Option(help="Write the card to this file instead of the folder.")
]


class CardCommands(TyperGroup):
    """``hubtool card DIR`` is ``hubtool card render DIR``: rendering need not be said."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command that is meant before what does not start with one."""
        named = bool(args) and args[0] in self.commands
        return list(super().parse_args(ctx, args if named or not args else ["render", *args]))


app = typer.Typer(
    cls=CardCommands,
    subcommand_metavar="DIR|COMMAND [ARGS]...",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


@app.callback()
def card() -> None:
    """Render the card of a quant folder from its facts.

    `hubtool card DIR` renders; `hubtool card preview DIR|REPO` shows the page in a browser.

    Example: hubtool card ./quant --diff
    """


app.command("preview")(preview)


@app.command("render")
def render(
    folder: Annotated[Path, typer.Argument(help="Quant folder.", metavar="DIR")],
    base: _BaseOption = None,
    repo: _RepoOption = None,
    accept_licence: AcceptLicenceOption = None,
    scores: ScoresOption = None,
    baseline_scores: BaselineScoresOption = None,
    baseline: _BaselineOption = None,
    template: _TemplateOption = None,
    brand: _BrandOption = None,
    overwrite_edited: OverwriteEditedOption = False,
    diff: _DiffOption = False,
    out: _OutOption = None,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Render the card of a quant folder from its facts.

    Text outside of hubtool's blocks, and blocks edited by hand, are kept. A card that hubtool
    did not write is adopted: sections that it knows become blocks, all else stays.
    `hubtool card preview DIR|REPO` shows the page in a browser.

    Example: hubtool card ./quant --base ORG/BASE --repo my-org/BASE-OptiQ-4bit --diff
    """
    console = open_console(json_output)
    if baseline_scores and not scores:
        raise typer.BadParameter("--baseline-scores goes with --scores")
    if (base is None) != (repo is None):
        raise typer.BadParameter("--base and --repo are given together")
    if diff and out:
        raise typer.BadParameter("--diff writes nothing: leave --out away")
    if out:
        require_parent(out, "--out")
    if not folder.is_dir():
        raise no_folder(folder, "name a quant folder")
    for name in (base, repo, baseline):
        if name is not None and name.count("/") != 1:
            raise typer.BadParameter(f"{name!r} is no repo id: write ORG/NAME")
    client = open_hub(hub, console) if base or baseline else None

    from hubtool.card.baseline import baseline_facts
    from hubtool.card.recompose import Look, compose_for, recompose
    from hubtool.scores.readers.interface import read_all_scores

    look = Look(template, brand, overwrite_edited)
    given = read_all_scores(scores, baseline_scores or ()) if scores else None
    if client and base and repo:
        page = compose_for(
            folder,
            look,
            given,
            hub=client,
            base_repo=base,
            target_repo=repo,
            baseline=baseline,
            accepted_licences=tuple(accept_licence or ()),
            console=console,
        )
    else:
        against = baseline_facts(client, baseline, console) if client and baseline else None
        page = recompose(folder, look, given, against)
    _put(page, folder, look, console, diff=diff, out=out)


def _put(
    page: Page, folder: Path, look: Look, console: Console, *, diff: bool, out: Path | None
) -> None:
    """Write the card, or show its diff, and tell what became of what was there."""
    rendered = page.rendered
    for note in rendered.notes:
        console.warn(note)
    if rendered.kept_edits:
        console.note("--overwrite-edited replaces blocks that were edited by hand")
    changes = _changes(folder, page.contents(folder))
    if diff:
        console.result("\n".join(_told(changes)) or "nothing would change")
    elif out is not None:
        write_whole(out, page.text)
        console.result(f"card written to {out}")
        beside = [name for name in changes if name != CARD_FILE]
        if beside:
            console.note(f"the text alone: not written are {', '.join(beside)}, which go with it")
    else:
        page.write(folder)
        console.result(f"card written to {folder / 'README.md'}")
        if rendered.kept_edits:
            _tell_what_edits_say_otherwise(folder, look, console)
    console.data(
        {
            "path": None if diff else str(out or folder / CARD_FILE),
            "written": not diff,
            "changed": list(changes),
            "diff": "\n".join(changes.get(CARD_FILE, ())),
            "text": rendered.text,
            "kept_edits": list(rendered.kept_edits),
            "adopted": list(rendered.adopted),
            "dropped": list(rendered.dropped),
        }
    )


def _tell_what_edits_say_otherwise(folder: Path, look: Look, console: Console) -> None:
    """An edited block that was kept may speak of older facts: `hubtool check` will fail it."""
    from hubtool.card.compose import recheck_card

    for one in recheck_card(folder, template=look.template, brand=look.brand):
        console.warn(f"{one.text}\n  fix: {one.remedy}")


def _changes(folder: Path, contents: Mapping[str, bytes]) -> dict[str, list[str]]:
    """File that changes -> lines that say how: a unified diff of the card, a word on others."""
    changes: dict[str, list[str]] = {}
    for name, content in contents.items():
        before = (folder / name).read_bytes() if (folder / name).is_file() else None
        if before == content:
            continue
        if name == CARD_FILE:
            old, new = ((one or b"").decode().splitlines() for one in (before, content))
            diff = difflib.unified_diff(old, new, f"{name} now", f"{name} new", lineterm="")
            changes[name] = list(diff)
        else:
            changes[name] = [f"{'new' if before is None else 'changed'}: {name}"]
    return changes


def _told(changes: Mapping[str, list[str]]) -> list[str]:
    return [line for lines in changes.values() for line in lines]
