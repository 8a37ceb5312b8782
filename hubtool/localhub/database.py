"""The tables of the local Hub and the one connection to them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hubtool.errors import LocalHubFailed

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE accounts (name TEXT PRIMARY KEY, kind TEXT NOT NULL, fullname TEXT NOT NULL);
CREATE TABLE members (org TEXT, user TEXT, role TEXT NOT NULL, PRIMARY KEY (org, user));
CREATE TABLE tokens (token TEXT PRIMARY KEY, user TEXT NOT NULL, role TEXT NOT NULL);
CREATE TABLE repos (
    id INTEGER PRIMARY KEY, type TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    private INTEGER NOT NULL, gated TEXT NOT NULL, creator TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    UNIQUE (type, namespace, name)
);
CREATE TABLE moved (type TEXT, old_id TEXT, new_id TEXT NOT NULL, PRIMARY KEY (type, old_id));
CREATE TABLE grants (repo INTEGER REFERENCES repos ON DELETE CASCADE, user TEXT,
    PRIMARY KEY (repo, user));
CREATE TABLE refs (repo INTEGER REFERENCES repos ON DELETE CASCADE, ref TEXT, oid TEXT NOT NULL,
    PRIMARY KEY (repo, ref));
CREATE TABLE commits (
    repo INTEGER REFERENCES repos ON DELETE CASCADE, oid TEXT, parent TEXT, tree TEXT NOT NULL,
    title TEXT NOT NULL, message TEXT NOT NULL, date TEXT NOT NULL, author TEXT NOT NULL,
    PRIMARY KEY (repo, oid)
);
CREATE TABLE trees (id TEXT PRIMARY KEY, derived TEXT NOT NULL);
CREATE TABLE entries (
    tree TEXT REFERENCES trees ON DELETE CASCADE, path TEXT, sha256 TEXT NOT NULL,
    oid TEXT NOT NULL, size INTEGER NOT NULL, is_lfs INTEGER NOT NULL, PRIMARY KEY (tree, path)
) WITHOUT ROWID;
CREATE TABLE discussions (
    repo INTEGER REFERENCES repos ON DELETE CASCADE, num INTEGER, title TEXT NOT NULL,
    status TEXT NOT NULL, is_pull_request INTEGER NOT NULL, author TEXT NOT NULL,
    created_at TEXT NOT NULL, base TEXT, merge_commit TEXT, PRIMARY KEY (repo, num)
);
CREATE TABLE events (
    id TEXT PRIMARY KEY, repo INTEGER REFERENCES repos ON DELETE CASCADE, num INTEGER NOT NULL,
    type TEXT NOT NULL, author TEXT NOT NULL, created_at TEXT NOT NULL, data TEXT NOT NULL
);
CREATE TABLE collections (
    slug TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, description TEXT,
    private INTEGER NOT NULL, theme TEXT NOT NULL, position INTEGER NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE TABLE collection_items (
    id TEXT PRIMARY KEY, slug TEXT REFERENCES collections ON DELETE CASCADE ON UPDATE CASCADE,
    type TEXT NOT NULL, item TEXT NOT NULL, position INTEGER NOT NULL, note TEXT,
    UNIQUE (slug, type, item)
);
"""
# tables that came later: made in an older database as well
_ADDED = """
CREATE TABLE IF NOT EXISTS publishers (
    repo INTEGER REFERENCES repos ON DELETE CASCADE, issuer TEXT NOT NULL, claims TEXT NOT NULL,
    user TEXT NOT NULL, PRIMARY KEY (repo, issuer, claims)
);
CREATE TABLE IF NOT EXISTS short_tokens (
    token TEXT PRIMARY KEY, user TEXT NOT NULL, expires REAL NOT NULL,
    repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE
);
"""


def now() -> str:
    """The present moment as the Hub writes it: ISO 8601 with milliseconds and ``Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Database:
    """One SQLite file, one connection, one writer at a time.

    Write-ahead logging keeps the file valid when the process is killed.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._prepare(path)

    def _prepare(self, path: Path) -> None:
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found == SCHEMA_VERSION:
            self._connection.executescript(_ADDED)
            return
        if found:
            raise LocalHubFailed(
                f"{path}: schema {found}, this hubtool reads schema {SCHEMA_VERSION}",
                "choose another --root, or delete this one",
            )
        script = f"BEGIN;{_SCHEMA}{_ADDED}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
        self._connection.executescript(script)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside happen, or none; nested ones join the outer."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def run(self, sql: str, *values: object) -> int:
        """Execute one statement; the number of rows it changed."""
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        """Execute one statement for each row of values."""
        with self._lock:
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row of a query, None if there is none."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded into the file."""
        with self._lock:
            self._connection.close()
