"""``hubtool recard``: the cards of many quants at once; plan, look, apply, undo."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from hubtool.cli.options import HubOption, JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub
from hubtool.errors import PathNotFound

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.hub.budget import RateBudget
    from hubtool.hub.client import HubClient
    from hubtool.recard.cache import QuantCache
    from hubtool.recard.journal import Entry
    from hubtool.recard.plan import RepoPlan, Wish
    from hubtool.recard.select import Selection

TITLE = "Update the model card"

app = typer.Typer(
    help="Re-card many quants at once: plan, look, apply, undo. No weights are downloaded.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)

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


@app.callback()
def recard() -> None:
    """Re-card many quants at once: plan, look, apply, undo. No weights are downloaded.

    Example: hubtool recard plan --org my-org --html plan.html && hubtool recard apply plan.json
    """


@app.command("plan")
def plan(
    org: Annotated[str | None, typer.Option(help="Organisation or user whose quants.")] = None,
    match: Annotated[
        str | None, typer.Option(help="Only names that match, such as 'gemma-*-OptiQ-*'.")
    ] = None,
    repo: Annotated[
        list[str] | None,
        typer.Option(help="A quant by its id, whoever made it; repeatable.", metavar="ORG/NAME"),
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option(help="File with such ids, one a line.", metavar="LIST")
    ] = None,
    template: Annotated[str, typer.Option(help="Card template: a name or a file.")] = "optiq",
    brand: Annotated[str, typer.Option(help="Card brand: a name or a file.")] = "optiq",
    only: Annotated[
        str | None, typer.Option(help="Change only this part.", metavar="metadata|blocks")
    ] = None,
    charts: Annotated[
        bool, typer.Option("--charts", help="Draw charts for quants that have none yet.")
    ] = False,
    overwrite_edited: Annotated[
        bool,
        typer.Option("--overwrite-edited", help="Replace blocks that were edited by hand, too."),
    ] = False,
    include_licence: Annotated[
        bool,
        typer.Option(
            "--include-licence",
            help="Read every base's licence anew, and change cards that say otherwise.",
        ),
    ] = False,
    accept_licence: Annotated[
        list[str] | None,
        typer.Option(help="A licence with limits that you have read; repeatable.", metavar="ID"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the plan goes.")] = Path("plan.json"),
    diff: Annotated[bool, typer.Option("--diff", help="Print the diffs.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write one page with all diffs.", metavar="FILE")
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the commits.")] = TITLE,
    concurrency: ConcurrencyOption = 8,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Read every repo anew.")] = False,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Work out what would change on every card, and write it down. Nothing remote is changed.

    Of an organisation, only quants that hubtool or mlx-optiq made are looked at; all others
    must be named. Facts come from headers and small files, and are kept for the next plan.

    Example: hubtool recard plan --org my-org --match '*-OptiQ-*' --html plan.html
    """
    console = open_console(json_output)
    named = [*(repo or ()), *_listed(from_file)]
    part = only or "whole"
    if not org and not named:
        raise typer.BadParameter("name an organisation with --org, or quants with --repo")
    if part not in ("whole", "metadata", "blocks"):
        raise typer.BadParameter("--only takes metadata or blocks")
    wrong = next((one for one in named if one.count("/") != 1), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong!r} is no repo id: write ORG/NAME")
    client = open_hub(hub, console)

    from hubtool.recard.journal import require_unused
    from hubtool.recard.licence import Licences
    from hubtool.recard.make import Tally, paced, plan_all
    from hubtool.recard.plan import Wish
    from hubtool.recard.planfile import PlanWriter, new_header
    from hubtool.recard.select import Selection
    from hubtool.recard.show import DiffPage, diff_of, line_of, notes_of, summary_of

    wanted = Selection(org, match, tuple(named))
    parts: dict[str, Literal["whole", "metadata", "blocks"]] = {
        "metadata": "metadata",
        "blocks": "blocks",
    }
    wish = Wish(
        template=template,
        brand=brand,
        part=parts.get(part, "whole"),
        overwrite_edited=overwrite_edited,
        include_licence=include_licence,
        charts=charts,
    )
    _require_look(wish)
    require_unused(out)
    header = new_header(client.endpoint, title, _asked(wanted, wish))
    licences = Licences(client, accept_licence or (), console) if include_licence else None
    tally = Tally()
    with contextlib.ExitStack() as stack:
        stack.enter_context(paced(_budget(client, 0)))
        cache = None if no_cache else stack.enter_context(_cache(client))
        writer = stack.enter_context(PlanWriter(out, header))
        page = (
            stack.enter_context(DiffPage(html, f"{title}: {org or 'named quants'}"))
            if html
            else None
        )
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
            notes = (f"            {note}" for note in notes_of(entry))
            console.result("\n".join([line_of(entry), *notes]))
            if diff and (text := diff_of(entry)):
                console.result(text)
            console.data({"event": "repo", **summary_of(entry)})
    console.data({"event": "plan", "file": str(out), **dataclasses.asdict(tally)})
    console.result(f"{tally.words}; plan written to {out}")
    if tally.changed:
        pace = _budget(client, None).seconds_for("commit", tally.changed)
        console.note(_duration(tally.changed, pace))


@app.command("apply")
def apply(
    plan: PlanArgument,
    pr: Annotated[
        bool, typer.Option("--pr", help="Open pull requests, or bring open ones up to date.")
    ] = False,
    repo: Annotated[
        list[str] | None,
        typer.Option(help="Only this one of the plan; repeatable.", metavar="ORG/NAME"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    concurrency: ConcurrencyOption = 8,
    commits_per_hour: PaceOption = None,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Send a plan: one commit a repo, guarded by the commit that the plan was made against.

    A repo that changed since is left and told. A journal lies beside the plan: killed and run
    again, it goes on, and sends nothing twice. Exit code 1 if a repo moved or was refused.

    Example: hubtool recard apply plan.json --yes
    """
    console = open_console(json_output)
    client = open_hub(hub, console)

    from hubtool.recard.apply import apply_plan, require_this_hub, to_do
    from hubtool.recard.journal import Journal
    from hubtool.recard.make import paced
    from hubtool.recard.show import counts

    require_this_hub(client, plan)
    waiting = list(_light(to_do(plan, Journal(plan), repo or ())))
    if not waiting:
        console.result("nothing to do: every repo of the plan is done")
        console.data({"event": "applied"})
        return
    for changed in waiting:
        console.note(f"  {changed.repo}: {counts(changed)}")
    budget = _budget(client, commits_per_hour)
    console.note(_duration(len(waiting), budget.seconds_for("commit", len(waiting))))
    _ask(f"{'Propose' if pr else 'Send'} {len(waiting)} changes?", yes)
    with contextlib.ExitStack() as stack:
        stack.enter_context(paced(budget))
        cache = stack.enter_context(_cache(client))
        entries = apply_plan(
            client,
            plan,
            pull_requests=pr,
            only=repo or (),
            workers=concurrency,
            budget=budget,
            cache=cache,
            console=console,
        )
        _report(entries, console, "applied")


@app.command("undo")
def undo(
    plan: PlanArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    concurrency: ConcurrencyOption = 8,
    commits_per_hour: PaceOption = None,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Put back what a plan changed, where nobody changed it since; pull requests are closed.

    Exit code 1 if a repo had to be left as it is.

    Example: hubtool recard undo plan.json
    """
    console = open_console(json_output)
    client = open_hub(hub, console)

    from hubtool.recard.journal import Journal
    from hubtool.recard.make import paced
    from hubtool.recard.planfile import read_plan_header
    from hubtool.recard.undo import undo_plan

    read_plan_header(plan)
    done = sum(entry.state == "done" for entry in Journal(plan).entries.values())
    if not done:
        console.result("nothing to undo: no repo was changed by this plan")
        console.data({"event": "undone"})
        return
    budget = _budget(client, commits_per_hour)
    console.note(_duration(done, budget.seconds_for("commit", done)))
    _ask(f"Put back {done} cards?", yes)
    with paced(budget):
        entries = undo_plan(client, plan, workers=concurrency, budget=budget, console=console)
        _report(entries, console, "undone")


@app.command("status")
def status(
    plan: PlanArgument,
    diff: Annotated[bool, typer.Option("--diff", help="Print the diffs of what is open.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Say what became of each repo of a plan, from its journal. Asks no Hub.

    Example: hubtool recard status plan.json
    """
    console = open_console(json_output)

    from hubtool.recard.journal import Journal
    from hubtool.recard.planfile import plans_of, read_plan_header
    from hubtool.recard.show import diff_of

    read_plan_header(plan)
    journal, states = Journal(plan), Counter[str]()
    for one in plans_of(plan):
        entry = journal.entries.get(one.repo)
        state = entry.state if entry else "open"
        states[state] += 1
        where = (entry.pull_request or entry.commit or "") if entry else ""
        reason = f": {entry.reason}" if entry and entry.reason else ""
        console.result(f"  {state:<7} {one.repo} {where[:80]}{reason}".rstrip())
        console.data(
            {"event": "repo", "repo": one.repo, "state": state}
            | ({k: v for k, v in dataclasses.asdict(entry).items() if v} if entry else {})
        )
        if diff and state == "open":
            console.result(diff_of(one))
    console.data({"event": "status", **states})
    console.result(", ".join(f"{count} {state}" for state, count in states.items()) or "empty")


# --- inside --------------------------------------------------------------------


def _listed(file: Path | None) -> list[str]:
    if file is None:
        return []
    if not file.is_file():
        raise PathNotFound(f"no file at {file}", "check the path after --from-file")
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _require_look(wish: Wish) -> None:
    """Raise for a template or a brand that cannot be used, before the first request."""
    from hubtool.card.templates import block_files, load_brand

    block_files(wish.template)
    load_brand(wish.brand)


def _asked(wanted: Selection, wish: Wish) -> dict[str, object]:
    return {**dataclasses.asdict(wanted), **dataclasses.asdict(wish)}


def _cache(client: HubClient) -> QuantCache:
    from hubtool.recard.cache import QuantCache

    return QuantCache(client.endpoint)


def _budget(client: HubClient, commits_per_hour: int | None) -> RateBudget:
    """The usual pace; none for a Hub on this machine."""
    from hubtool.hub.budget import COMMITS, RateBudget

    if commits_per_hour is None:
        here = urlsplit(client.endpoint).hostname in ("127.0.0.1", "localhost", "::1")
        commits_per_hour = 0 if here else COMMITS
    return RateBudget(commits_per_hour=commits_per_hour)


def _duration(commits: int, seconds: float) -> str:
    from hubtool.console import format_seconds

    many = f"{commits} commit{'s' if commits != 1 else ''}"
    if not seconds:
        return f"{many}, without waiting for the Hub's hourly limit"
    return f"{many}: about {format_seconds(seconds)} at the pace that the Hub allows"


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: say --yes")
    typer.confirm(question, abort=True, err=True)


def _light(plans: Iterable[RepoPlan]) -> Iterator[RepoPlan]:
    """Plans without the content of their files."""
    return (dataclasses.replace(one, files=()) for one in plans)


def _report(entries: Iterable[Entry], console: Console, word: str) -> None:
    """Print what becomes of each repo as it does; exit 1 if one was left."""
    states = Counter[str]()
    for entry in entries:
        states[entry.state] += 1
        console.data({"event": "repo", **dataclasses.asdict(entry)})
        if entry.state in ("moved", "failed", "left"):
            console.result(f"  {entry.state:<7} {entry.repo}: {entry.reason}")
    console.data({"event": word, **states})
    console.result(", ".join(f"{count} {state}" for state, count in states.items()))
    if set(states) - {"done", "undone"}:
        raise typer.Exit(1)
