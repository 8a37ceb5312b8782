"""The files of a commit, read from git and not from the working folder."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from hubtool.errors import CloneIncomplete, TagNotFound, UnsafePath
from hubtool.records import write_whole
from hubtool.release.manifest import FILE_FIELDS

if TYPE_CHECKING:
    from git import Repo

LARGEST_BYTES = 50_000_000  # no manifest, score file or template is larger
DEEPEN = "fetch all history: `fetch-depth: 0` for actions/checkout, else `git fetch --unshallow`"
_REGULAR = ("100644", "100755")


def files_at(repo: Repo, commit: str) -> tuple[str, ...]:
    """Paths of the regular files of a commit, up to LARGEST_BYTES each. Links are left out.

    Raises CloneIncomplete if the clone lacks the commit.
    """
    from git import GitCommandError

    try:
        listing = repo.git.ls_tree("-r", "-z", "--long", "--full-tree", commit)
    except GitCommandError as error:
        said = " ".join(str(error.stderr).split()) or str(error.status)
        raise CloneIncomplete(
            f"git cannot list the files of {commit[:12]} in this clone ({said})", DEEPEN
        ) from error
    found = []
    for line in str(listing).split("\0"):
        facts, tab, path = line.partition("\t")
        if not tab:
            continue
        mode, _, _, size = facts.split()
        if mode in _REGULAR and size.isdigit() and int(size) <= LARGEST_BYTES:
            found.append(path)
    return tuple(found)


def read_bytes(repo: Repo, commit: str, path: str) -> bytes:
    """A file's content at a commit, byte for byte."""
    blob: Any = repo.commit(commit).tree / path
    return bytes(blob.data_stream.read())


def read_text(repo: Repo, commit: str, path: str) -> str:
    """A file's text at a commit (damaged bytes become U+FFFD)."""
    return read_bytes(repo, commit, path).decode("utf-8", errors="replace")


def export_tree(repo: Repo, commit: str, folder: Path) -> None:
    """Write the files of a commit below ``folder``, which holds nothing else afterwards.

    No attribute of the repository (line ends, filters, keywords) changes a byte.
    Raises UnsafePath for a path that leaves the folder.
    """
    wanted = files_at(repo, commit)
    for path in wanted:
        parts = path.split("/")
        if path.startswith("/") or "\\" in path or {"..", ".", ""} & set(parts):
            raise UnsafePath(f"{commit[:12]} holds the path {path!r}", "mend the repository")
        content = read_bytes(repo, commit, path)
        file = folder / path
        if not file.is_file() or file.read_bytes() != content:
            write_whole(file, content)
    for file in sorted(folder.rglob("*"), reverse=True):
        if file.is_dir():
            if not any(file.iterdir()):
                file.rmdir()
        elif file.relative_to(folder).as_posix() not in wanted:
            file.unlink()


def changed_between(repo: Repo, before: str, commit: str) -> set[str]:
    """Paths that differ between two commits. Raises TagNotFound for an unknown ``before``."""
    from git import GitCommandError

    try:  # a name that starts with - is none of git's options
        known = repo.git.rev_parse("--verify", "--end-of-options", f"{before}^{{commit}}")
        sha = str(known).splitlines()[-1]
        listing = repo.git.diff("--name-only", "-z", "--no-renames", sha, commit, "--")
    except GitCommandError as error:
        raise TagNotFound(
            f"this clone has no {before!r} to compare with",
            "fetch it: `fetch-depth: 0` for actions/checkout, else `git fetch --tags`",
        ) from error
    return {path for path in str(listing).split("\0") if path}


def named_files(manifest: str, text: str) -> set[str]:
    """Paths that a manifest names for what is made, not for how it looks; none if it is no YAML."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        return set()
    if not isinstance(data, dict):
        return set()
    found: list[Any] = []
    for field in (one for one in FILE_FIELDS if not one.startswith("card.")):
        value: Any = data
        for key in field.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        found += value if isinstance(value, list) else [value]
    folder = posixpath.dirname(manifest)
    return {posixpath.normpath(f"{folder}/{one}") for one in found if isinstance(one, str)}
