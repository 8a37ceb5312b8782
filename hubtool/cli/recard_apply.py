"""``hubtool recard apply`` and ``undo``: a plan is sent, or taken back."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hubtool.cli.options import HubOption, JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.recard_options import (
    PATIENCE_SECONDS,
    ConcurrencyOption,
    OfPlanOption,
    PaceOption,
    PlanArgument,
    YesOption,
    duration,
)
from hubtool.cli.recard_plan import tell_waits
from hubtool.cli.session import open_hub
from hubtool.errors import HubtoolError, ManifestInvalid, QuotaSpent

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.hub.budget import RateBudget
    from hubtool.hub.client import HubClient
    from hubtool.recard.journal import Entry, Journal

TOLD = ("moved", "failed", "left")  # states that a person must look at


def apply(
    plan: PlanArgument,
    pr: Annotated[
        bool, typer.Option("--pr", help="Open pull requests, or bring open ones up to date.")
    ] = False,
    repo: OfPlanOption = None,
    yes: YesOption = False,
    concurrency: ConcurrencyOption = 16,
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
    client = open_hub(hub, console, patience_seconds=PATIENCE_SECONDS)

    from hubtool.recard.apply import apply_plan

    def count(journal: Journal) -> int:
        return _show_waiting(console, plan, journal, repo or ())

    def start(shared: dict[str, Any]) -> Generator[Entry]:
        return apply_plan(client, plan, pull_requests=pr, console=console, **shared)

    words = _Words(
        "nothing to do: every repo of the plan is done or put back",
        f"{'Propose' if pr else 'Send'} {{}} changes?",
        "applied",
    )
    run = _Run(console, client, plan, repo or (), concurrency, commits_per_hour)
    _send(run, count, start, words, yes)


def undo(
    plan: PlanArgument,
    repo: OfPlanOption = None,
    yes: YesOption = False,
    concurrency: ConcurrencyOption = 16,
    commits_per_hour: PaceOption = None,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Put back what a plan changed, where nobody changed it since; pull requests are closed.

    Exit code 1 if a repo had to be left as it is.

    Example: hubtool recard undo plan.json
    """
    console = open_console(json_output)
    client = open_hub(hub, console, patience_seconds=PATIENCE_SECONDS)

    from hubtool.recard.undo import to_undo, undo_plan

    def count(journal: Journal) -> int:
        return len(to_undo(journal, repo or ()))

    def start(shared: dict[str, Any]) -> Generator[Entry]:
        return undo_plan(client, plan, console=console, **shared)

    words = _Words(
        "nothing to undo: this plan has no change that is still in place",
        "Put back {} cards?",
        "undone",
    )
    run = _Run(console, client, plan, repo or (), concurrency, commits_per_hour)
    _send(run, count, start, words, yes)


@dataclasses.dataclass(frozen=True)
class _Words:
    """What is said where nothing is to do, what is asked (of how many), and the last event."""

    nothing: str
    question: str
    event: str


@dataclasses.dataclass(frozen=True)
class _Run:
    """What both commands were given. ``only``: repos of the plan, all of them if empty."""

    console: Console
    client: HubClient
    plan: Path
    only: Sequence[str]
    workers: int
    commits_per_hour: int | None


def _send(
    run: _Run,
    count: Callable[[Journal], int],
    start: Callable[[dict[str, Any]], Generator[Entry]],
    words: _Words,
    yes: bool,
) -> None:
    """Count, ask, do and report. ``start`` begins the work with what all of it shares."""
    from hubtool.hub.budget import RateBudget
    from hubtool.recard.apply import charge, require_this_hub
    from hubtool.recard.cache import QuantCache
    from hubtool.recard.journal import Journal

    console, endpoint = run.console, run.client.endpoint
    require_this_hub(run.client, run.plan)
    _require_in_plan(run.plan, run.only)
    journal = Journal(run.plan)
    waiting = count(journal)
    if not waiting:
        console.result(words.nothing)
        console.data({"event": words.event})
        return
    budget = RateBudget.for_hub(endpoint, run.commits_per_hour, tell_waits(console))
    ahead = RateBudget.for_hub(endpoint, run.commits_per_hour)
    charge(ahead, journal)
    _start(console, waiting, ahead.seconds_for("commit", waiting))
    _ask(words.question.format(waiting), yes)
    with contextlib.ExitStack() as stack:
        cache = stack.enter_context(QuantCache(endpoint))
        shared = {"only": run.only, "workers": run.workers, "budget": budget, "cache": cache}
        _report(start(shared), console, words.event, waiting, budget)


# --- before --------------------------------------------------------------------


def _require_in_plan(plan: Path, repos: Iterable[str]) -> None:
    from hubtool.recard.planfile import plans_of

    strange = set(repos)
    if strange:
        strange -= {one.repo for one in plans_of(plan)}
    if strange:
        raise ManifestInvalid(
            f"{plan} changes nothing in {', '.join(sorted(strange))}",
            "`hubtool recard status` lists what it changes",
        )


def _show_waiting(console: Console, plan: Path, journal: Journal, only: Iterable[str]) -> int:
    """List what will be sent: licences first, then every repo, then whose they are."""
    from hubtool.recard.apply import to_do
    from hubtool.recard.show import counts

    wanted = tuple(only)
    for one in to_do(plan, journal, wanted):
        for change in one.changes:
            if change.kind == "licence":
                console.note(f"  licence   {one.repo}: {change.what}")
                console.data({"event": "licence", "repo": one.repo, "what": change.what})
    owners = Counter[str]()
    for one in to_do(plan, journal, wanted):
        owners[one.repo.split("/")[0]] += 1
        console.note(f"  change    {one.repo}: {counts(one)}")
    if len(owners) > 1:
        console.note("owners: " + ", ".join(f"{count} {name}" for name, count in owners.items()))
    return owners.total()


def _start(console: Console, commits: int, seconds: float) -> None:
    console.note(duration(commits, seconds))
    console.data({"event": "start", "repos": commits, "seconds": seconds})


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: say --yes")
    typer.confirm(question, abort=True, err=True)


# --- after ---------------------------------------------------------------------


def _report(
    entries: Generator[Entry], console: Console, word: str, total: int, budget: RateBudget
) -> None:
    """Print what becomes of each repo as it does; exit 1 if one was left."""
    states = Counter[str]()
    try:
        with contextlib.closing(entries):  # an interrupted run waits for what is on its way
            for entry in entries:
                states[entry.state] += 1
                place = {"event": "repo", "number": states.total(), "of": total}
                console.data({**place, **dataclasses.asdict(entry)})
                if entry.state in TOLD:
                    console.result(f"  {entry.state:<7} {entry.repo}: {entry.reason}")
    except HubtoolError as error:
        raise _stopped(error, console, states, total, budget) from error
    console.data({"event": word, **states})
    console.result(", ".join(f"{count} {state}" for state, count in states.items()))
    if set(states) & set(TOLD):
        raise typer.Exit(1)


def _stopped(
    error: HubtoolError, console: Console, states: Counter[str], total: int, budget: RateBudget
) -> HubtoolError:
    """The same error; where a quota ended the run, with the time after which it can go on."""
    from hubtool.console import format_seconds

    if states.total():
        console.data({"event": "stopped", "of": total, **states})
        console.result(f"stopped after {states.total()} of {total}")
    if not isinstance(error, QuotaSpent):
        return error
    wait = format_seconds(budget.seconds_until_fresh("commit"))
    return QuotaSpent(
        f"{error.message}; all that was sent is in the journal",
        f"run the same command again in about {wait}: it goes on where it stopped",
        of=total,
        **states,
    )
