"""One repo's change as one commit on main, guarded by the planned head, sent once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hubtool.errors import HubtoolError, HubUnreachable, InterruptedRun, NotSignedIn, RemoteMoved
from hubtool.hub.commit import send_commit
from hubtool.recard.change import RepoPlan
from hubtool.recard.content import remember
from hubtool.recard.journal import Entry

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

    from hubtool.hub.budget import RateBudget
    from hubtool.hub.client import HubClient
    from hubtool.recard.cache import QuantCache
    from hubtool.recard.planfile import PlanHeader

LOOK_BACK = 20  # commits to look through for ours
MARK = "hubtool recard"  # begins the description of every commit of a plan; its id follows
MOVED = "it changed since the plan was made"
SAID_ALREADY = "somebody else wrote the same there already"
STOPPING = (HubUnreachable, NotSignedIn, InterruptedRun)  # the run ends; nothing is said of a repo


@dataclasses.dataclass(frozen=True)
class Sending:
    """What every repo of a run shares."""

    hub: HubClient
    header: PlanHeader
    budget: RateBudget
    cache: QuantCache | None = None

    @property
    def mark(self) -> str:
        """Stands in the description of every commit of this plan."""
        return f"{MARK} {self.header.id}"


def send(run: Sending, plan: RepoPlan) -> Entry:
    """Commit the change to main, unless it is there. Raises HubUnreachable, NotSignedIn."""
    return entry_of(plan, lambda: _commit(run, plan))


def entry_of(plan: RepoPlan, attempt: Callable[[], Entry]) -> Entry:
    """What ``attempt`` makes of a repo; an error that is of this repo alone becomes its entry."""
    try:
        return attempt()
    except STOPPING:
        raise
    except RemoteMoved as error:
        return Entry(plan.repo, "moved", reason=error.message)
    except HubtoolError as error:
        return Entry(plan.repo, "failed", reason=error.message)


def additions(plan: RepoPlan) -> list[CommitOperationAdd]:
    """The plan's files for a commit; new ones for each try, which the client asks for."""
    from huggingface_hub import CommitOperationAdd

    return [CommitOperationAdd(one.path, one.content) for one in plan.files]


def _commit(run: Sending, plan: RepoPlan) -> Entry:
    def commit() -> tuple[str, bool]:
        operations = additions(plan)
        info = send_commit(
            run.hub,
            plan.repo,
            operations,
            title=run.header.title,
            description=run.mark,
            parent=plan.head,
        )
        return str(info.oid), was_there(operations)

    try:
        oid, found = run.hub.call(f"commit to {plan.repo}", commit)
    except RemoteMoved:
        oid, found = "", True
    if found:  # ours, of a run that was killed or whose answer was lost, or somebody else's
        ours = landed(run, plan)
        if ours is None:
            raise RemoteMoved(SAID_ALREADY if oid else MOVED, "make a new plan")
        oid = ours
    texts = {one.path: one.after for one in plan.files if not one.binary}
    remember(run.cache, plan.repo, plan.head, oid, texts)
    return Entry(plan.repo, "done", commit=oid, found=found)


def head_of(run: Sending, repo: str) -> str:
    """The commit that main is at. Raises RemoteMoved for a repo that has another name now."""
    found = run.hub.resolve_revision(repo)
    if found.repo != repo:
        raise RemoteMoved(f"it is called {found.repo} now", "make a new plan under that name")
    return found.commit


def was_there(operations: Sequence[CommitOperationAdd]) -> bool:
    """Whether the client made no commit because the Hub held all of it: an earlier try's."""
    return not any(getattr(one, "_is_committed", True) for one in operations)


def landed(run: Sending, plan: RepoPlan) -> str | None:
    """Our commit among the newest of main."""
    commits = run.hub.call(
        f"list the commits of {plan.repo}",
        lambda: list(run.hub.api.list_repo_commits(plan.repo))[:LOOK_BACK],
    )
    marked = (one for one in commits if run.mark in f"{one.title}\n{one.message}")
    return next((str(one.commit_id) for one in marked), None)
