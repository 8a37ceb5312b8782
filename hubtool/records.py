"""Record: what one part of hubtool hands to the next.

A record is a frozen dataclass that goes to JSON and back without loss. Its
file form names its type and schema version, so that an old work folder is
recognised instead of misread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from hubtool.errors import JournalUnreadable

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclasses.dataclass(frozen=True)
class Record:
    """Base of all records. Children are frozen dataclasses of JSON-able fields."""

    schema: ClassVar[int] = 1  # raise when a field changes its meaning

    def to_json(self) -> dict[str, Any]:
        """The record as plain data, with its type and schema version first."""
        return {"record": type(self).__name__, "schema": self.schema, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record that :meth:`to_json` wrote.

        Raises JournalUnreadable for another type, another schema version, or
        fields that do not fit.
        """
        from pydantic import ValidationError

        fields = dict(data)
        found = (fields.pop("record", None), fields.pop("schema", None))
        if found != (cls.__name__, cls.schema):
            raise JournalUnreadable(
                f"expected a {cls.__name__} of schema {cls.schema}, found {found[0]} of {found[1]}",
                "delete the work folder, or use the hubtool version that wrote it",
            )
        try:
            read = _adapter(cls).validate_python(fields)  # type: ignore[arg-type]  # it is hashable
            return cast(Self, read)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise JournalUnreadable(
                f"{cls.__name__}.{where}: {first['msg']}", "delete the work folder and run again"
            ) from error

    def fingerprint(self) -> str:
        """sha256 (hex) of the record's canonical JSON: equal content, equal fingerprint."""
        return fingerprint_of(self.to_json())

    @property
    def as_text(self) -> str:
        """The JSON form as it is written to a file."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the JSON form to ``path``, whole or not at all."""
        write_whole(path, self.as_text)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what :meth:`write` wrote. Raises JournalUnreadable for any other content."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise JournalUnreadable(
                f"{path} is not JSON: {error}", "delete it, then run the same command again"
            ) from error
        if not isinstance(data, dict):
            raise JournalUnreadable(
                f"{path} holds no {cls.__name__}", "delete it, then run the same command again"
            )
        return cls.from_json(data)


@functools.cache
def _adapter(record: type[Record]) -> TypeAdapter[Any]:
    """What reads this kind of record: made once, which takes longer than a reading."""
    from pydantic import TypeAdapter

    return TypeAdapter(record)


@dataclasses.dataclass(frozen=True)
class FileHash:
    """A file by its path inside a folder (POSIX, relative), size in bytes and sha256 (hex)."""

    path: str
    size_bytes: int
    sha256: str


def fingerprint_of(data: object) -> str:
    """sha256 (hex) of JSON-able data, independent of key order."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def hash_file(folder: Path, path: str) -> FileHash:
    """The FileHash of ``folder/path``, read in one pass."""
    target = folder / path
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileHash(path, target.stat().st_size, digest)


def hash_folder(folder: Path) -> tuple[FileHash, ...]:
    """Every file below ``folder`` in path order; hidden names are included, links followed."""
    paths = sorted(
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()
    )
    return tuple(hash_file(folder, path) for path in paths)


def git_blob_sha1(content: bytes) -> str:
    """git's name for a blob: sha1 (hex) of ``blob <length>`` NUL and the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name and rename it: a reader sees the old or the new one.

    An OSError names ``path``, not the temporary file.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    data = content.encode() if isinstance(content, str) else content
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise type(error)(error.errno, error.strerror, str(path)) from error
