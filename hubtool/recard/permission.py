"""May this token write all of it? Asked before the first request that writes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hubtool.errors import BaseGated, NotSignedIn, NoWritePermission, RemoteMoved, RepoNotFound

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient

ROLES_FOR_ALL = frozenset({"write", "admin"})
ASKED_AT_ONCE = 8


def require_writable(hub: HubClient, repos: Sequence[str], *, pull_requests: bool = False) -> None:
    """Raise NotSignedIn, or NoWritePermission with the list of repos, if the token may not.

    A role that covers a whole organisation answers for all its repos; where it
    does not, the Hub is asked repo by repo. Anybody who may write somewhere may
    open pull requests.
    """
    if not repos:
        return
    me = hub.identity
    if me.token_role == "read":
        raise _refused(f"the token of {me.name} may only read", repos, "make a token that writes")
    if pull_requests:
        return
    blocked: list[str] = []
    unsure: list[str] = []
    for repo in repos:
        org = repo.split("/")[0]
        role = "admin" if org == me.name or me.any_org else me.orgs.get(org)
        if role in ROLES_FOR_ALL and me.token_role == "write":
            continue
        (unsure if role else blocked).append(repo)
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        answers = pool.map(lambda repo: _may_write(hub, repo), unsure)
        blocked += [repo for repo, may in zip(unsure, answers, strict=True) if not may]
    if blocked:
        raise _refused(
            f"{me.name} may not write to {len(blocked)} of {len(repos)} repos",
            blocked,
            "ask for the role write, use --pr, or leave them out with --repo",
        )


def _may_write(hub: HubClient, repo: str) -> bool:
    try:
        hub.call(f"get permission to write to {repo}", lambda: hub.api.auth_check(repo, write=True))
    except (NoWritePermission, NotSignedIn, RepoNotFound, BaseGated):
        return False
    except RemoteMoved:
        return True  # nothing is sent there: sending finds the same, and tells it
    return True


def _refused(why: str, repos: Sequence[str], remedy: str) -> NoWritePermission:
    listed = "\n".join(f"  {repo}" for repo in repos)
    return NoWritePermission(f"{why}; nothing was sent:\n{listed}", remedy, repos=list(repos))
