"""Quants that were read before, by the commit they were read at: a second plan asks nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import threading
import zlib
from pathlib import Path
from typing import Any, ClassVar, Self

from hubtool import __version__
from hubtool.errors import JournalUnreadable
from hubtool.hub.endpoint import lasting_name
from hubtool.recard.read import RemoteQuant
from hubtool.records import Record


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/hubtool``, by default ``~/.cache/hubtool``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "hubtool"


@dataclasses.dataclass(frozen=True)
class Unreadable(Record):
    """A commit that holds no quant that can be read, whoever asks and whenever."""

    schema: ClassVar[int] = 1
    repo: str
    commit: str
    reason: str


class QuantCache:
    """One file; of every repo the commit that was read last. Thread-safe.

    What another version of hubtool wrote, or what cannot be read, is not there; a damaged
    file is set aside.
    """

    def __init__(self, endpoint: str, folder: Path | None = None) -> None:
        folder = folder or cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self._endpoint = lasting_name(endpoint)
        self._lock = threading.Lock()
        self._path = folder / "recard.sqlite"
        self._damaged = False
        try:
            self._database = _open(self._path)
        except sqlite3.OperationalError:  # it is locked, or may not be written
            self._database = _open(":memory:")
        except sqlite3.DatabaseError:
            _set_aside(self._path)
            self._database = _open(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        if self._damaged:
            _set_aside(self._path)

    def get(self, repo: str, commit: str) -> RemoteQuant | Unreadable | None:
        """What was read at ``commit``, or why it could not be; None if nobody tried."""
        row = self._run(
            "select data from quants where endpoint = ? and repo = ? and commit_id = ? "
            "and version = ?",
            (self._endpoint, repo, commit, __version__),
        )
        if row is None:
            return None
        try:
            data = json.loads(zlib.decompress(row[0]))
            reader = Unreadable if data.get("record") == "Unreadable" else RemoteQuant
            return reader.from_json(data)
        except (JournalUnreadable, ValueError, zlib.error):
            return None

    def put(self, quant: RemoteQuant | Unreadable) -> None:
        """Remember a commit in place of an older one."""
        data = zlib.compress(json.dumps(quant.to_json(), ensure_ascii=False).encode(), 1)
        self._run(
            "insert or replace into quants values (?, ?, ?, ?, ?)",
            (self._endpoint, quant.repo, quant.commit, __version__, data),
        )

    def _run(self, statement: str, values: tuple[object, ...]) -> Any:
        """The first row, if there is one; a cache that cannot be used knows nothing."""
        with self._lock:
            try:
                return self._database.execute(statement, values).fetchone()
            except sqlite3.OperationalError:
                return None
            except sqlite3.DatabaseError:
                self._damaged = True
                return None


def _open(place: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(place, check_same_thread=False, timeout=30, isolation_level=None)
    try:
        database.executescript(
            "pragma journal_mode = wal; pragma synchronous = normal;"
            "create table if not exists quants (endpoint text, repo text, commit_id text,"
            " version text, data blob, primary key (endpoint, repo))"
        )
    except sqlite3.Error:
        database.close()
        raise
    return database


def _set_aside(path: Path) -> None:
    """A damaged database stays to be looked at; its log goes with it."""
    path.replace(path.with_name(f"{path.name}.damaged"))
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
