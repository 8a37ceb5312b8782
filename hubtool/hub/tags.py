"""Tags of a repo on the Hub: what one names, and setting one."""

from __future__ import annotations

import dataclasses
import hashlib
import json

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.errors import HubRejected, RepoNotFound, TagMoved, VerificationFailed
from hubtool.hub.client import HubClient
from hubtool.hub.receipt import Receipt
from hubtool.records import FileHash


def tagged_commit(hub: HubClient, repo: str, tag: str) -> str | None:
    """The commit that a tag of the repo names; None without the tag or without the repo."""
    try:
        refs = hub.call(f"list the tags of {repo}", lambda: hub.api.list_repo_refs(repo))
    except RepoNotFound:
        return None
    return next((str(one.target_commit) for one in refs.tags if one.name == tag), None)


@dataclasses.dataclass(frozen=True)
class Origin:
    """What ``optiq/release.json`` says of where a quant is from; empty where it says nothing."""

    git_commit: str | None
    git_manifest: str | None
    overrides: dict[str, str]  # manifest field -> the flag laid over it
    files: tuple[str, ...]  # paths of the release


def released_from(hub: HubClient, repo: str, commit: str) -> Origin:
    """The origin of the quant at ``commit``."""
    try:
        data = json.loads(hub.read_text(repo, PROVENANCE_FILE, commit) or "{}")
    except ValueError:
        data = {}
    if not isinstance(data, dict):
        data = {}
    overrides, files = data.get("overrides"), data.get("files")
    return Origin(
        git_commit=data.get("git_commit"),
        git_manifest=data.get("git_manifest"),
        overrides=overrides if isinstance(overrides, dict) else {},
        files=tuple(files) if isinstance(files, list) else (),
    )


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


def published_receipt(hub: HubClient, repo: str, commit: str, tag: str, origin: Origin) -> Receipt:
    """The release that an earlier run published at ``commit``: its files, as they are there now.

    Raises VerificationFailed if one of them is missing.
    """
    remote = {file.path: file for file in hub.list_files(repo, commit)}
    files = []
    for path in origin.files:
        file = remote.get(path)
        if file is None:
            raise VerificationFailed(
                f"{repo} at the tag {tag} lacks {path}, which its {PROVENANCE_FILE} lists",
                "make a new tag to publish it whole",
            )
        digest = file.etag if file.is_lfs else _sha256(hub.read_bytes(repo, path, commit))
        files.append(FileHash(path, file.size_bytes, digest))
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
