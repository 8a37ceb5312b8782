"""``hubtool recard status``: what became of each repo of a plan."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Annotated

import typer

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.recard_options import PlanArgument


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
        console.result(f"  {state:<7} {one.repo} {where}".rstrip() + reason)
        console.data(
            {"event": "repo", "repo": one.repo, "state": state}
            | ({k: v for k, v in dataclasses.asdict(entry).items() if v} if entry else {})
        )
        if diff and state == "open":
            console.result(diff_of(one))
    console.data({"event": "status", **states})
    console.result(", ".join(f"{count} {state}" for state, count in states.items()) or "empty")
