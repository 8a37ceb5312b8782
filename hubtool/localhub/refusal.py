"""The local Hub's own errors: above all, an HTTP answer that says no."""

from __future__ import annotations

from typing import Any

from hubtool.errors import LocalHubFailed

BAD_REVISION = "RevisionNotFound"
NO_ENTRY = "EntryNotFound"
NO_REPO = "RepoNotFound"
GATED = "GatedRepo"


class RootBusy(LocalHubFailed):
    """Another process uses the folder as its local Hub."""


class Refusal(LocalHubFailed):
    """What a request is answered with when it cannot be served.

    ``status`` is the HTTP status, ``code`` the ``X-Error-Code`` by which the
    client picks its exception, ``headers`` and ``body`` are added to the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        *,
        headers: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.body = body or {}


def no_repo(repo_id: str) -> Refusal:
    """404 for a repo that does not exist or must not be seen."""
    return Refusal(404, f"Repository not found: {repo_id}", NO_REPO)


def no_revision(revision: str) -> Refusal:
    """404 for a revision that the repo does not have."""
    return Refusal(404, f"Invalid rev id: {revision}", BAD_REVISION)


def no_entry(path: str, commit: str) -> Refusal:
    """404 for a path that the commit does not hold; the client caches the absence by commit."""
    return Refusal(404, f"Entry not found: {path}", NO_ENTRY, headers={"X-Repo-Commit": commit})
