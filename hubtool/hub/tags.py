"""Tags of a repo on the Hub: what one names, and setting one."""

from __future__ import annotations

import hashlib
import json

from hubtool.errors import HubRejected, RepoNotFound, TagMoved
from hubtool.hub.client import HubClient
from hubtool.hub.publish import PROVENANCE_FILE, Receipt
from hubtool.records import FileHash


def tagged_commit(hub: HubClient, repo: str, tag: str) -> str | None:
    """The commit that a tag of the repo names; None without the tag or without the repo."""
    try:
        refs = hub.call(f"list the tags of {repo}", lambda: hub.api.list_repo_refs(repo))
    except RepoNotFound:
        return None
    return next((str(one.target_commit) for one in refs.tags if one.name == tag), None)


def released_from(hub: HubClient, repo: str, commit: str) -> tuple[str | None, dict[str, str]]:
    """(git commit, flags laid over the manifest) that the quant at ``commit`` says it is from."""
    try:
        data = json.loads(hub.read_text(repo, PROVENANCE_FILE, commit) or "{}")
    except ValueError:
        return None, {}
    if not isinstance(data, dict):
        return None, {}
    overrides = data.get("overrides")
    return data.get("git_commit"), overrides if isinstance(overrides, dict) else {}


def set_tag(hub: HubClient, repo: str, tag: str, commit: str, message: str) -> None:
    """Let ``tag`` name ``commit``. One that does already is left; another commit is TagMoved."""
    found = tagged_commit(hub, repo, tag)
    if found is None:
        try:
            hub.call(
                f"tag {repo}",
                lambda: hub.api.create_tag(repo, tag=tag, revision=commit, tag_message=message),
            )
            return
        except HubRejected:  # it may have been set meanwhile, or by a try whose answer was lost
            found = tagged_commit(hub, repo, tag)
            if found is None:
                raise
    if found != commit:
        raise TagMoved(
            f"{repo} has the tag {tag} at {found[:12]}, this release is {commit[:12]}",
            "make a new tag: one that was published stays where it is",
        )


def published_receipt(hub: HubClient, repo: str, commit: str, tag: str) -> Receipt:
    """What the repo holds at a commit that an earlier run published, read back now."""
    files = []
    for file in hub.list_files(repo, commit):
        digest = file.etag if file.is_lfs else _sha256(hub.read_bytes(repo, file.path, commit))
        files.append(FileHash(file.path, file.size_bytes, digest))
    return Receipt(
        repo=repo,
        url=f"{hub.endpoint}/{repo}",
        commit=commit,
        parent=None,
        files=tuple(files),
        committed=False,
        changed_bytes=0,
        pull_request_url=None,
        verified=False,
        tag=tag,
    )


def _sha256(content: bytes | None) -> str:
    return hashlib.sha256(content or b"").hexdigest()
