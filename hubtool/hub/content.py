"""Whether files on the Hub are those of a folder, by size and hash."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hubtool.base.source import RemoteFile
from hubtool.hub.client import HubClient
from hubtool.records import FileHash, git_blob_sha1


def holds(
    hub: HubClient,
    repo: str,
    revision: str,
    folder: Path,
    files: Iterable[FileHash],
    *,
    without: Iterable[str] = (),
) -> bool:
    """Whether a revision has every one of ``files`` as ``folder`` has it, and no path ``without``.

    Raises RepoNotFound.
    """
    remote = {file.path: file for file in hub.list_files(repo, revision)}
    complete = all(same_content(folder, file, remote.get(file.path)) for file in files)
    return complete and not set(without) & set(remote)


def same_content(folder: Path, local: FileHash, remote: RemoteFile | None) -> bool:
    """Whether the remote file has the local one's bytes, by size and hash."""
    if remote is None or remote.size_bytes != local.size_bytes:
        return False
    if remote.is_lfs:
        return remote.etag == local.sha256
    return remote.etag == git_blob_sha1((folder / local.path).read_bytes())
