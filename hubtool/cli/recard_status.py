"""``hubtool recard status``: what became of each repo of a plan."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import HubOption, JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.recard_options import PlanArgument
from hubtool.cli.session import open_hub

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient
    from hubtool.recard.change import RepoPlan
    from hubtool.recard.journal import Entry


def status(
    plan: PlanArgument,
    diff: Annotated[bool, typer.Option("--diff", help="Print the diffs of what is open.")] = False,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Say what became of each repo of a plan, from its journal.

    The Hub is asked only for repos that were on their way when a run was killed.

    Example: hubtool recard status plan.json
    """
    console = open_console(json_output)

    from hubtool.recard.journal import Journal
    from hubtool.recard.planfile import plans_of, read_plan_header
    from hubtool.recard.show import diff_of

    read_plan_header(plan)
    journal, states = Journal(plan), Counter[str]()
    unsure = any(entry.state == "sending" for entry in journal.entries.values())
    client = open_hub(hub, console) if unsure else None
    for one in plans_of(plan):
        entry = looked_up(client, plan, one, journal.entries.get(one.repo))
        state = entry.state if entry else "open"
        states[state] += 1
        where = (entry.pull_request or entry.commit or "") if entry else ""
        reason = f": {entry.reason}" if entry and entry.reason else ""
        console.result(f"  {state:<7} {one.repo} {where}".rstrip() + reason)
        console.data(
            {"event": "repo", "repo": one.repo, "state": state}
            | ({k: v for k, v in dataclasses.asdict(entry).items() if v} if entry else {})
        )
        if diff and state == "open":
            console.result(diff_of(one))
    console.data({"event": "status", **states})
    console.result(", ".join(f"{count} {state}" for state, count in states.items()) or "empty")


def looked_up(
    client: HubClient | None, plan: Path, one: RepoPlan, entry: Entry | None
) -> Entry | None:
    """The entry; of a repo whose commit got no answer, what the Hub says."""
    if client is None or entry is None or entry.state != "sending":
        return entry

    from hubtool.errors import HubtoolError
    from hubtool.hub.budget import RateBudget, paced
    from hubtool.hub.moved import refuse_moved
    from hubtool.recard.apply import require_this_hub
    from hubtool.recard.arrived import arrived
    from hubtool.recard.send import Sending

    budget = RateBudget.for_hub(client.endpoint)
    try:
        with paced(budget, refuse_moved):
            return arrived(Sending(client, require_this_hub(client, plan), budget), one, entry)
    except HubtoolError as error:
        return dataclasses.replace(entry, reason=f"it may have arrived: {error.message}")
