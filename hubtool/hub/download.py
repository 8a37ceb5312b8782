"""Downloading a file whole: resumed across processes, and checked against its hash.

The client resumes within a process only and checks sizes, not contents; a
base of many gigabytes deserves both.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.base.source import RemoteFile
from hubtool.console import Task
from hubtool.errors import BrokenShard
from hubtool.records import git_blob_sha1

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient

CHUNK_BYTES = 256 * 1024  # what a cut connection can lose


def is_intact(folder: Path, file: RemoteFile) -> bool:
    """Whether the local file has the remote one's size and hash."""
    local = folder / file.path
    if not local.is_file() or local.stat().st_size != file.size_bytes:
        return False
    return _digest(local, file) == file.etag


def download(
    hub: HubClient, repo: str, revision: str, file: RemoteFile, folder: Path, task: Task
) -> None:
    """Bring one file into ``folder`` under its own path; advances ``task`` by bytes.

    Raises BrokenShard if what arrives has another hash than the listing says.
    """
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    if partial.is_file():
        if partial.stat().st_size > file.size_bytes:
            partial.unlink()
        else:
            task.advance(partial.stat().st_size)
    partial.touch()
    hub.call(
        f"download {file.path} of {repo}",
        lambda: _receive(hub, repo, revision, file, partial, task),
    )
    if _digest(partial, file) != file.etag:
        partial.unlink()
        raise BrokenShard(
            f"{repo}: {file.path}: what arrived has another hash than "
            f"the listing says ({file.etag[:16]})",
            "run the same command again; if it stays, the repo's file is damaged",
        )
    partial.replace(target)


def _receive(
    hub: HubClient, repo: str, revision: str, file: RemoteFile, partial: Path, task: Task
) -> None:
    """Append what is missing to ``partial``; a retry goes on from what this try brought."""
    from huggingface_hub.utils import get_session, hf_raise_for_status

    at = partial.stat().st_size
    if at == file.size_bytes:
        return
    headers = {**hub.headers(), "Range": f"bytes={at}-"} if at else hub.headers()
    address = hub.address(repo, file.path, revision)
    with get_session().stream("GET", address, headers=headers, follow_redirects=True) as answer:
        if answer.is_error:
            answer.read()
        hf_raise_for_status(answer)
        resumed = answer.status_code == 206
        if at and not resumed:
            task.advance(-at)  # the server began anew
        with partial.open("ab" if resumed else "wb") as stream:
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                stream.write(chunk)
                task.advance(len(chunk))
    if partial.stat().st_size < file.size_bytes:
        raise ConnectionError(f"the connection ended after {partial.stat().st_size} bytes")


def _digest(local: Path, file: RemoteFile) -> str:
    """sha256 for an LFS file, git's blob sha1 for a regular one."""
    if file.is_lfs:
        with local.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    return git_blob_sha1(local.read_bytes())
