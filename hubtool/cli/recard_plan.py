"""``hubtool recard plan``: what would change on every card of an organisation, written down."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.card_options import AcceptLicenceOption, OverwriteEditedOption
from hubtool.cli.options import HubOption, JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.recard_options import PATIENCE_SECONDS, ConcurrencyOption, duration
from hubtool.cli.session import open_hub
from hubtool.errors import ManifestInvalid, PathNotFound

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.hub.budget import Purse
    from hubtool.hub.client import HubClient
    from hubtool.recard.change import Part, RepoPlan, Wish
    from hubtool.recard.make import Tally
    from hubtool.recard.select import Selection, Skipped

TITLE = "Update the model card"
PARTS: dict[str | None, Part] = {None: "whole", "metadata": "metadata", "blocks": "blocks"}


_OrgOption = Annotated[str | None, typer.Option(help="Organisation or user whose quants.")]
_MatchOption = Annotated[
    str | None, typer.Option(help="Only names that match, such as 'gemma-*-OptiQ-*'.")
]
_RepoOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A quant by its id, whoever made it, in addition to --org; repeatable.",
        metavar="ORG/NAME",
    ),
]
_FromFileOption = Annotated[
    Path | None, typer.Option(help="File with such ids, one a line.", metavar="LIST")
]
_TemplateOption = Annotated[
    str | None, typer.Option(help="Card template: a name or a file. Default: each quant's own.")
]
_BrandOption = Annotated[
    str | None, typer.Option(help="Card brand: a name or a file. Default: each quant's own.")
]
_OnlyOption = Annotated[
    str | None, typer.Option(help="Change only this part.", metavar="metadata|blocks")
]
_ChartsOption = Annotated[
    bool, typer.Option("--charts", help="Draw charts for quants that have none yet.")
]
_IncludeLicenceOption = Annotated[
    bool,
    typer.Option(
        "--include-licence",
        help="Read every base's licence anew, and change cards that say otherwise.",
    ),
]
_HtmlOption = Annotated[
    Path | None, typer.Option(help="Write one page with all diffs.", metavar="FILE")
]
_OutOption = Annotated[Path, typer.Option(help="Where the plan goes.")]
_DiffOption = Annotated[bool, typer.Option("--diff", help="Print the diffs.")]
_TitleOption = Annotated[str, typer.Option(help="Title of the commits.")]
_NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Read every repo anew.")]


def plan(
    org: _OrgOption = None,
    match: _MatchOption = None,
    repo: _RepoOption = None,
    from_file: _FromFileOption = None,
    template: _TemplateOption = None,
    brand: _BrandOption = None,
    only: _OnlyOption = None,
    charts: _ChartsOption = False,
    overwrite_edited: OverwriteEditedOption = False,
    include_licence: _IncludeLicenceOption = False,
    accept_licence: AcceptLicenceOption = None,
    out: _OutOption = Path("plan.json"),
    diff: _DiffOption = False,
    html: _HtmlOption = None,
    title: _TitleOption = TITLE,
    concurrency: ConcurrencyOption = 16,
    no_cache: _NoCacheOption = False,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Work out what would change on every card, and write it down. Nothing remote is changed.

    Of an organisation, only quants that hubtool or mlx-optiq made are looked at; all others
    must be named. Facts come from headers and small files, and are kept for the next plan.

    Exit code 1 if no model was found.

    Example: hubtool recard plan --org my-org --match '*-OptiQ-*' --html plan.html
    """
    console = open_console(json_output)
    wanted = _selection(org, match, repo or (), from_file)
    wish = _wish(template, brand, only, overwrite_edited, include_licence, charts)
    _require_places(out, html)
    client = open_hub(hub, console, patience_seconds=PATIENCE_SECONDS)

    from hubtool.hub.budget import RateBudget, paced
    from hubtool.recard.cache import QuantCache
    from hubtool.recard.licence import Licences
    from hubtool.recard.make import Tally, plan_all
    from hubtool.recard.page import DiffPage
    from hubtool.recard.planfile import PlanWriter, new_header, require_unused

    require_unused(out)
    asked = {**dataclasses.asdict(wanted), **dataclasses.asdict(wish)}
    header = new_header(client.endpoint, title, asked)
    licences = Licences(client, accept_licence or (), console) if include_licence else None
    tally = Tally()
    with contextlib.ExitStack() as stack:
        budget = RateBudget.for_hub(client.endpoint, 0, tell_waits(console))
        stack.enter_context(paced(budget))
        cache = None if no_cache else stack.enter_context(QuantCache(client.endpoint))
        writer = stack.enter_context(PlanWriter(out, header))
        page = stack.enter_context(DiffPage(html, header)) if html else None
        entries = plan_all(
            client,
            wanted,
            wish,
            cache=cache,
            licences=licences,
            workers=concurrency,
            console=console,
        )
        for entry in entries:
            tally.count(entry)
            writer.add(entry)
            if page:
                page.add(entry)
            _show(console, entry, diff=diff)
    _finish(console, client, out, tally, html)


def tell_waits(console: Console) -> Callable[[Purse, float], None]:
    """Says that the run waits for the Hub's limits, and how long."""
    from hubtool.console import format_seconds

    names = {"api": "API calls", "resolve": "downloads", "commit": "commits"}

    def tell(purse: Purse, seconds: float) -> None:
        console.note(f"  waiting {format_seconds(seconds)} for the Hub's limit of {names[purse]}")
        console.data({"event": "wait", "for": purse, "seconds": round(seconds)})

    return tell


def _show(console: Console, entry: RepoPlan | Skipped, *, diff: bool) -> None:
    from hubtool.recard.show import diff_of, line_of, notes_of, summary_of

    notes = (f"            {note}" for note in notes_of(entry))
    console.result("\n".join([line_of(entry), *notes]))
    if diff and (text := diff_of(entry)):
        console.result(text)
    console.data({"event": "repo", **summary_of(entry)})


def _finish(
    console: Console, client: HubClient, out: Path, tally: Tally, html: Path | None
) -> None:
    """The totals, and what applying the plan will take."""
    from hubtool.hub.budget import RateBudget

    pace = RateBudget.for_hub(client.endpoint).seconds_for("commit", tally.changed)
    console.data(
        {"event": "plan", "file": str(out), **dataclasses.asdict(tally), "apply_seconds": pace}
    )
    console.result(f"{tally.words}; plan written to {out}")
    if not tally.listed:
        console.note("no model was found: check the name, and that the token sees its repos")
        raise typer.Exit(1)
    if tally.licences:
        console.note(f"licences change in {tally.licences}: `apply` shows them first")
    if tally.licences_withheld:
        console.note(
            f"licences differ in {tally.licences_withheld} and are left: --include-licence"
        )
    if tally.changed:
        console.note(duration(tally.changed, pace))
        look = f"look at {html}, then " if html else ""
        console.note(f"next: {look}hubtool recard apply {out}")


def _require_places(out: Path, html: Path | None) -> None:
    """Raise for places that could not be written at the end, before the work is done."""
    for option, place in (("--out", out), ("--html", html)):
        if place is None:
            continue
        above = next(one for one in place.absolute().parents if one.exists())
        if place.is_dir() or not above.is_dir():
            which = place if place.is_dir() else above
            wrong = "a folder" if place.is_dir() else "no folder"
            raise typer.BadParameter(f"{which} is {wrong}: {option} takes a file")
    if html is not None and html.absolute() == out.absolute():
        raise typer.BadParameter("--out and --html name the same file")


def _selection(
    org: str | None, match: str | None, repos: Iterable[str], from_file: Path | None
) -> Selection:
    from hubtool.recard.select import Selection

    named = (*repos, *_listed(from_file))
    if not org and not named:
        raise typer.BadParameter("name an organisation with --org, or quants with --repo")
    if org and "/" in org:
        raise typer.BadParameter(f"{org!r} is no organisation: --repo takes ORG/NAME")
    if match and not org:
        raise typer.BadParameter("--match chooses among the quants of --org")
    wrong = next((one for one in named if not _is_id(one)), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong!r} is no repo id: write ORG/NAME")
    return Selection(org, match, named)


def _wish(
    template: str | None,
    brand: str | None,
    only: str | None,
    overwrite_edited: bool,
    include_licence: bool,
    charts: bool,
) -> Wish:
    """Raises for a template or a brand that cannot be used, before the first request."""
    from hubtool.card.templates import block_files, load_brand
    from hubtool.recard.change import Wish

    if only not in PARTS:
        raise typer.BadParameter("--only takes metadata or blocks")
    if template is not None:
        block_files(template)
    if brand is not None:
        load_brand(brand)
    return Wish(template, brand, PARTS[only], overwrite_edited, include_licence, charts)


def _listed(file: Path | None) -> list[str]:
    """The ids of a list: one a line, ``#`` begins a comment, a page's address will do."""
    if file is None:
        return []
    if not file.is_file():
        raise PathNotFound(f"no file at {file}", "check the path after --from-file")
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        text = line.split("#")[0].strip()
        repo = "/".join(text.rstrip("/").split("/")[3:]) if "://" in text else text
        if text and not _is_id(repo):
            raise ManifestInvalid(
                f"{file}, line {number}: {text!r} is no repo id", "write ORG/NAME, one a line"
            )
        found += [repo] if repo else []
    return found


def _is_id(text: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return text.count("/") == 1
