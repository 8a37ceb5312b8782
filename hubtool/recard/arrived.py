"""Whether a change arrived whose answer was lost: the journal says that it was on its way."""

from __future__ import annotations

import dataclasses

from hubtool.recard.change import RepoPlan
from hubtool.recard.journal import Entry
from hubtool.recard.propose import address_of, open_proposal
from hubtool.recard.send import Sending, landed


def arrived(run: Sending, plan: RepoPlan, known: Entry) -> Entry | None:
    """``known`` with its commit or pull request, asked of the Hub if need be, or None.

    Raises what asking a Hub raises; RemoteMoved if somebody else committed to the pull request.
    """
    if known.commit or known.pull_request:
        return known
    if known.pull_request is None:
        commit = landed(run, plan)
        return dataclasses.replace(known, state="done", commit=commit) if commit else None
    found = run.hub.call(
        f"look for a pull request in {plan.repo}", lambda: open_proposal(run, plan.repo)
    )
    if found is None or run.mark not in found.newest:
        return None
    address = address_of(run, plan.repo, found.number)
    return dataclasses.replace(known, state="done", commit=found.head, pull_request=address)
