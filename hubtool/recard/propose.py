"""One repo's change as a pull request: ours that is open is updated, else one is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hubtool.errors import RemoteMoved
from hubtool.hub.commit import send_commit
from hubtool.hub.pull_request import leave_draft
from hubtool.recard.content import unlike
from hubtool.recard.journal import Entry
from hubtool.recard.send import MARK, MOVED, Sending, additions, entry_of, head_of
from hubtool.recard.stale import put_right

if TYPE_CHECKING:
    from hubtool.recard.change import RepoPlan

OPEN = ("open", "draft")


@dataclasses.dataclass(frozen=True)
class Proposal:
    """An open pull request of ours, and the commit that it is at.

    ``newest``: what that commit says; ``base``: the commit of main that it grew from.
    """

    number: int
    head: str
    newest: str = ""
    base: str = ""


def propose(run: Sending, plan: RepoPlan) -> Entry:
    """Open one, or bring the one that is open to this state.

    Raises HubUnreachable, NotSignedIn. A pull request of ours that somebody else
    committed to is left as it is.
    """
    return entry_of(plan, lambda: _propose(run, plan))


def _propose(run: Sending, plan: RepoPlan) -> Entry:
    if head_of(run, plan.repo) != plan.head:
        return Entry(plan.repo, "moved", reason=MOVED)
    found = True

    def once() -> Proposal:
        nonlocal found
        open_one = open_proposal(run, plan.repo)
        if open_one is None:
            found = False
            info = _commit(run, plan, (), parent=plan.head, create_pr=True)
            return Proposal(int(str(info.pr_url).rsplit("/", 1)[1]), str(info.oid))
        written, _ = unlike(run.hub, plan.repo, plan.files, open_one.head)
        stale = put_right(run.hub, plan, open_one.head, open_one.base or plan.head)
        if not written and not stale:
            return open_one
        found = False
        revision = f"refs/pr/{open_one.number}"
        info = _commit(run, plan, stale, parent=open_one.head, revision=revision)
        return Proposal(open_one.number, str(info.oid))

    proposal = run.hub.call(f"propose a change to {plan.repo}", once)
    address = address_of(run, plan.repo, proposal.number)
    leave_draft(run.hub, plan.repo, address)
    return Entry(plan.repo, "done", commit=proposal.head, pull_request=address, found=found)


def open_proposal(run: Sending, repo: str) -> Proposal | None:
    """The pull request of ours that is open, whichever plan made it, whatever its title.

    Raises RemoteMoved if somebody else committed to it.
    """
    api, me = run.hub.api, run.hub.identity.name
    listed = api.get_repo_discussions(repo, author=me, discussion_type="pull_request")
    numbers = [int(one.num) for one in listed if one.status in OPEN]
    of_main: set[str] | None = None
    for number in numbers:
        of_main = of_main or {one.commit_id for one in api.list_repo_commits(repo)}
        history = api.list_repo_commits(repo, revision=f"refs/pr/{number}")
        own = [one for one in history if one.commit_id not in of_main]
        marked = [MARK in f"{one.title}\n{one.message}" for one in own]
        if not any(marked):
            continue
        if not all(marked):
            address = address_of(run, repo, number)
            raise RemoteMoved(f"somebody else committed to {address}", "merge or close it first")
        base = next((one.commit_id for one in history if one.commit_id in of_main), "")
        said = f"{own[0].title}\n{own[0].message}"
        return Proposal(number, str(own[0].commit_id), said, str(base))
    return None


def address_of(run: Sending, repo: str, number: int) -> str:
    return f"{run.hub.endpoint}/{repo}/discussions/{number}"


def _commit(run: Sending, plan: RepoPlan, more: Iterable[Any], **where: Any) -> Any:
    return send_commit(
        run.hub,
        plan.repo,
        [*additions(plan), *more],
        title=run.header.title,
        description=run.mark,
        **where,
    )
