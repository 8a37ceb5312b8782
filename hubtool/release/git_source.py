"""Which commit a manifest was read from: provenance for a release that starts in a git repo."""

from __future__ import annotations

import os
from pathlib import Path

from hubtool.card.provenance import GitSource


def git_source(manifest: Path) -> GitSource | None:
    """The commit that holds ``manifest`` as it is now, with its tag if that is unambiguous.

    None outside of a git repo, without git, and for a file that differs from the commit.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # no git on this machine: no traceback
    from git import GitError, Repo

    try:
        repo = Repo(manifest.absolute().parent, search_parent_directories=True)
        if repo.git.status("--porcelain", "--ignored", "--", str(manifest.absolute())):
            return None
        commit = repo.head.commit
        tags = [tag.name for tag in repo.tags if tag.commit == commit]
    except (GitError, ValueError):  # ValueError: a repo without any commit
        return None
    return GitSource(commit.hexsha, tags[0] if len(tags) == 1 else None)
