"""Which commit a manifest was read from: provenance for a release that starts in a git repo."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hubtool.card.provenance import GitSource

if TYPE_CHECKING:
    from git import Repo

_SCP_LIKE = re.compile(r"[\w.-]+@(?P<host>[\w.-]+):(?P<path>[^/].*)")


def git_source(manifest: Path) -> GitSource | None:
    """The commit that holds ``manifest`` as it is now, with its tag if that is unambiguous.

    None outside of a git repo, without git, and for a file that differs from the commit.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # no git on this machine: no traceback
    from git import GitError, Repo

    place = manifest.absolute()
    try:
        with Repo(place.parent, search_parent_directories=True) as repo:
            if repo.git.status("--porcelain", "--ignored", "--", str(place)):
                return None
            commit = repo.head.commit
            tags = [tag.name for tag in repo.tags if tag.commit == commit]
            return GitSource(
                commit.hexsha,
                tags[0] if len(tags) == 1 else None,
                repository=repository_of(repo),
                manifest=_path_in(repo, place),
            )
    except (GitError, ValueError):  # ValueError: a repo without any commit
        return None


def repository_of(repo: Repo) -> str | None:
    """The address of the repository, as anyone may read it; None if it is only on this machine.

    On GitHub the workflow's own variables say it, else the remote ``origin``.
    """
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if os.environ.get("GITHUB_ACTIONS") == "true" and server and name:
        return f"{server}/{name}"
    remotes = [remote for remote in repo.remotes if remote.name == "origin"]
    return public_address(next(iter(remotes[0].urls), "")) if remotes else None


def public_address(remote: str) -> str | None:
    """A remote's https address without user and password; None for a path or a local host."""
    if scp_like := _SCP_LIKE.fullmatch(remote):
        remote = f"ssh://{scp_like['host']}/{scp_like['path']}"
    parts = urlsplit(remote)
    if parts.scheme not in ("https", "http", "ssh", "git") or not parts.hostname:
        return None
    return f"https://{parts.hostname}{parts.path}".removesuffix("/").removesuffix(".git")


def _path_in(repo: Repo, file: Path) -> str | None:
    root = Path(repo.working_tree_dir or "").resolve()
    place = file.resolve()
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else None
