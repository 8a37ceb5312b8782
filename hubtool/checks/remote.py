"""A repo as a folder that checks can read: small files whole, of weights the headers alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hubtool.artifact.headers import read_remote_header, require_safe_path
from hubtool.base.lineage import licence_chain
from hubtool.base.source import RemoteFile
from hubtool.checks.interface import CheckSubject, RemoteOrigin
from hubtool.checks.metadata import base_of
from hubtool.console import SILENT, Console, format_bytes
from hubtool.errors import HubtoolError
from hubtool.hub.client import HubClient
from hubtool.licences.declared import DeclaredLicence

READERS = 8  # files at a time
LARGEST_BYTES = 50_000_000  # of a file that is no weights; the largest tokenizers have 35 MB
_WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".npz")


def fetch_subject(
    hub: HubClient,
    repo: str,
    revision: str | None,
    folder: Path,
    *,
    template: str | None = None,
    brand: str | None = None,
    console: Console = SILENT,
) -> CheckSubject:
    """The repo at a branch, tag or commit (default: main), laid into the empty ``folder``.

    A safetensors file becomes a file of its own length that holds its header
    and nothing else; other weights and files above LARGEST_BYTES have their
    length alone. Raises RepoNotFound, UnsafePath, BrokenShard.
    """
    state = hub.resolve_revision(repo, revision)
    files = hub.list_files(state.repo, state.commit)
    for file in files:
        require_safe_path(file.path, f"{state.repo}: a file")
    with (
        console.task("reading", len(files), "files") as task,
        ThreadPoolExecutor(READERS) as pool,
    ):
        fetch = _Fetch(hub, state.repo, state.commit, folder)
        for file in pool.map(fetch, files):
            task.advance(1, file.path)
    subject = CheckSubject(
        folder=folder,
        template=template,
        brand=brand,
        validate=hub.validate_card,
        origin=RemoteOrigin(
            repo=state.repo,
            commit=state.commit,
            stored_as_lfs=tuple(file.path for file in files if file.is_lfs),
            not_read=tuple(_not_read(files)),
        ),
    )
    return dataclasses.replace(subject, licences=_declared(hub, subject, console))


def _declared(
    hub: HubClient, subject: CheckSubject, console: Console
) -> tuple[DeclaredLicence, ...]:
    """What the base and its ancestors declare, at the revision that was released; () if unknown."""
    try:
        base, revision = base_of(subject)
        return licence_chain(hub, base, revision, console) if base else ()
    except HubtoolError as error:
        console.warn(f"the licence is not compared with the base's: {error.message}")
        return ()


class _Fetch:
    """Lays one file of a commit into a folder."""

    def __init__(self, hub: HubClient, repo: str, commit: str, folder: Path) -> None:
        self._hub, self._repo, self._commit, self._folder = hub, repo, commit, folder

    def __call__(self, file: RemoteFile) -> RemoteFile:
        target = self._folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            stream.truncate(file.size_bytes)  # sparse: takes no room
            if file.path.endswith(".safetensors"):

                def read(start: int, length: int) -> bytes:
                    data = self._read(file, start, length)
                    stream.seek(start)
                    stream.write(data)
                    return data

                read_remote_header(read, file.size_bytes, name=file.path)
            elif _is_read(file) and file.size_bytes:
                stream.write(self._read(file, 0, file.size_bytes))
        return file

    def _read(self, file: RemoteFile, start: int, length: int) -> bytes:
        return self._hub.read_range(self._repo, file.path, self._commit, start, length)


def _is_read(file: RemoteFile) -> bool:
    return not file.path.endswith(_WEIGHTS) and file.size_bytes <= LARGEST_BYTES


def _not_read(files: Iterable[RemoteFile]) -> Iterable[str]:
    for file in files:
        if not file.path.endswith(".safetensors") and not _is_read(file):
            yield f"{file.path} ({format_bytes(file.size_bytes)})"
