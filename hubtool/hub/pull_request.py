"""Pull requests of ours: finding the one that is open, and opening a draft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hubtool.hub.client import HubClient
from hubtool.hub.content import holds
from hubtool.hub.plan import PublishPlan


def open_pull_request(hub: HubClient, plan: PublishPlan, folder: Path) -> tuple[str, str] | None:
    """(address, commit) of an open pull request of ours that proposes just this."""

    def read() -> list[Any]:
        return [
            item
            for item in hub.api.get_repo_discussions(plan.repo, discussion_type="pull_request")
            if item.status in ("open", "draft") and item.title == plan.message
        ]

    for item in hub.call(f"list the pull requests of {plan.repo}", read):
        revision = f"refs/pr/{item.num}"
        if holds(hub, plan.repo, revision, folder, plan.files, without=plan.deletions):
            commit = hub.resolve_revision(plan.repo, revision).commit
            return f"{hub.endpoint}/{plan.repo}/discussions/{item.num}", commit
    return None


def leave_draft(hub: HubClient, repo: str, pull_request: str) -> None:
    """A pull request that the client makes is a draft; people see it once it is open."""
    number = int(pull_request.rsplit("/", 1)[1])
    details = hub.call(f"read {pull_request}", lambda: hub.api.get_discussion_details(repo, number))
    if details.status == "draft":
        hub.call(
            f"open {pull_request}",
            lambda: hub.api.change_discussion_status(repo, number, "open"),
        )
