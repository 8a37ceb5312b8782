"""Trees: the files of one commit, and what operations make of them."""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import posixpath
from collections.abc import Callable, Iterable, Mapping

from hubtool.localhub.refusal import NO_ENTRY, Refusal
from hubtool.records import git_blob_sha1

REGULAR_LIMIT_BYTES = 10 * 1024 * 1024  # from here on a file must go by LFS
SAMPLE_BYTES = 512

# What the Hub puts into a new repo's .gitattributes, as suffixes and patterns.
_LFS_SUFFIXES = (
    *("7z", "arrow", "avro", "bin", "bz2", "ckpt", "ftz", "gguf", "gz", "h5", "joblib", "lz4"),
    *("mds", "mlmodel", "model", "msgpack", "npy", "npz", "onnx", "ot", "parquet", "pb"),
    *("pickle", "pkl", "pt", "pth", "rar", "safetensors", "tar", "tflite", "tgz", "wasm", "xz"),
    *("zip", "zst"),
)
_LFS_PATTERNS = [*(f"*.{suffix}" for suffix in _LFS_SUFFIXES), "saved_model/**/*", "*tfevents*"]
DEFAULT_GITATTRIBUTES = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in sorted(_LFS_PATTERNS)
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file in a tree.

    ``oid`` is the git blob sha1 of what git would hold: the content of a
    regular file, the pointer text of an LFS file.
    """

    path: str
    sha256: str
    oid: str
    size: int
    is_lfs: bool

    @property
    def etag(self) -> str:
        """What the client compares with its own hash: sha256 for LFS, git sha1 otherwise."""
        return self.sha256 if self.is_lfs else self.oid

    @property
    def pointer(self) -> bytes:
        """The LFS pointer text that stands for the content in git."""
        return (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{self.sha256}\nsize {self.size}\n"
        ).encode()


Tree = Mapping[str, Entry]


@dataclasses.dataclass(frozen=True)
class Put:
    """Operation: the file is there afterwards."""

    entry: Entry


@dataclasses.dataclass(frozen=True)
class Delete:
    """Operation: the file, or with ``folder`` everything below the path, is gone afterwards."""

    path: str
    folder: bool = False


Operation = Put | Delete


def regular(path: str, sha256: str, content: bytes) -> Entry:
    """The entry of a regular file."""
    return Entry(path, sha256, git_blob_sha1(content), len(content), False)


def large(path: str, sha256: str, size: int) -> Entry:
    """The entry of an LFS file of ``size`` bytes."""
    entry = Entry(path, sha256, "", size, True)
    return dataclasses.replace(entry, oid=git_blob_sha1(entry.pointer))


def tree_id(tree: Tree) -> str:
    """An id of the whole tree: equal files, equal id."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(tree):
        digest.update(f"{path}\0{tree[path].oid}\0{tree[path].is_lfs}\n".encode())
    return digest.hexdigest()


def require_path(path: str) -> None:
    """400 for a path that is absolute, leaves the repo, or names git's or the client's folders."""
    parts = path.split("/")
    if any(part in ("", ".", "..", ".git", ".cache") for part in parts) or "\0" in path:
        raise Refusal(400, f"Invalid path in repo: {path!r}")


def apply(tree: Tree, operations: Iterable[Operation], commit: str | None) -> dict[str, Entry]:
    """The tree after the operations, in their order.

    Refuses the deletion of what is not there (404, with ``commit`` as the
    commit that lacks it) and a file in the place of a folder (400).
    """
    result = dict(tree)
    for operation in operations:
        if isinstance(operation, Put):
            result[operation.entry.path] = operation.entry
            continue
        prefix = operation.path.rstrip("/") + "/"
        gone = [
            path
            for path in result
            if path == operation.path or (operation.folder and path.startswith(prefix))
        ]
        if not gone:
            raise Refusal(
                404,
                f"A file with this name doesn't exist: {operation.path}",
                NO_ENTRY,
                headers={"X-Repo-Commit": commit} if commit else {},
            )
        for path in gone:
            del result[path]
    for folder in folders(result):
        if folder in result:
            raise Refusal(400, f"{folder} is both a file and a folder")
    return result


def folders(paths: Iterable[str]) -> set[str]:
    """All folders that the file paths imply."""
    found: set[str] = set()
    for path in paths:
        parent = posixpath.dirname(path)
        while parent and parent not in found:
            found.add(parent)
            parent = posixpath.dirname(parent)
    return found


def lfs_rule(gitattributes: str) -> Callable[[str], bool]:
    """Whether a path is marked for LFS by the text of a ``.gitattributes``; last match wins."""
    rules: list[tuple[str, bool]] = []
    for line in gitattributes.splitlines():
        words = line.split()
        if len(words) > 1 and not line.startswith("#"):
            for word in words[1:]:
                if word in ("filter=lfs", "-filter", "!filter", "filter"):
                    rules.append((words[0], word == "filter=lfs"))

    def is_lfs(path: str) -> bool:
        verdict = False
        for pattern, marked in rules:
            if _matches(pattern, path):
                verdict = marked
        return verdict

    return is_lfs


def ignore_rule(gitignore: str) -> Callable[[str], bool]:
    """Whether a path is ignored by the text of a root ``.gitignore``; last match wins."""
    lines = [line.strip() for line in gitignore.splitlines()]
    rules = [line for line in lines if line and not line.startswith("#")]

    def is_ignored(path: str) -> bool:
        verdict = False
        candidates = [path] + [f"{folder}/" for folder in folders([path])]
        for rule in rules:
            pattern = rule.removeprefix("!")
            if any(_ignores(pattern, candidate) for candidate in candidates):
                verdict = not rule.startswith("!")
        return verdict

    return is_ignored


def needs_lfs(size: int, sample: bytes, marked: bool) -> bool:
    """The Hub's choice of upload mode from a size, the first 512 bytes and the attributes."""
    if size == 0:
        return False
    return marked or size >= REGULAR_LIMIT_BYTES or _looks_binary(sample, size)


def _looks_binary(sample: bytes, size: int) -> bool:
    if b"\0" in sample:
        return True
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        # a sample may end inside a character of up to four bytes
        cut = len(sample) < size and error.start >= len(sample) - 3
        return not (cut and error.reason == "unexpected end of data")
    return False


def _matches(pattern: str, path: str) -> bool:
    """gitattributes patterns: without a slash they match the file's name."""
    if "/" not in pattern:
        return fnmatch.fnmatchcase(posixpath.basename(path), pattern)
    return fnmatch.fnmatchcase(path, pattern.removeprefix("/").replace("**/", "*"))


def _ignores(pattern: str, candidate: str) -> bool:
    is_folder = candidate.endswith("/")
    if pattern.endswith("/") and not is_folder:
        return False
    return _matches(pattern.rstrip("/"), candidate.rstrip("/"))
