"""Repos: their names, visibility and settings."""

from __future__ import annotations

import dataclasses
import re
import sqlite3

from hubtool.localhub.database import Database, now
from hubtool.localhub.refusal import Refusal, no_repo

REPO_TYPES = ("model", "dataset", "space", "kernel")
RESERVED = frozenset(
    [
        "api",
        "datasets",
        "spaces",
        "kernels",
        "collections",
        "models",
        "settings",
        "login",
        "lfs",
        "cas",
        "oauth",
    ]
)
GATES = ("", "auto", "manual")

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")


def require_name(name: str) -> None:
    """400 unless ``name`` can be one part of a repo id."""
    bad = "--" in name or ".." in name or name.endswith(".git")
    if bad or not _NAME.fullmatch(name):
        raise Refusal(400, f"Invalid name: {name!r}")


@dataclasses.dataclass(frozen=True)
class Repo:
    """A repo as its row says; ``gated`` is ``""``, ``auto`` or ``manual``."""

    id: int
    type: str
    namespace: str
    name: str
    private: bool
    gated: str
    creator: str
    created_at: str
    updated_at: str

    @property
    def full_id(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def page(self) -> str:
        """The path of the repo's page, with the type's prefix and a leading slash."""
        prefix = "" if self.type == "model" else f"/{self.type}s"
        return f"{prefix}/{self.full_id}"


class Repositories:
    """The repos table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, repo_id: str, creator: str, *, type: str = "model", private: bool, gated: str = ""
    ) -> Repo:
        """A new, empty repo; 400 for a bad name, 409 if it exists."""
        namespace, name = split_id(repo_id)
        require_name(namespace)
        require_name(name)
        if type not in REPO_TYPES:
            raise Refusal(400, f"type must be one of {', '.join(REPO_TYPES)}, not {type!r}")
        moment = now()
        with self._database.transaction():
            if self.find(repo_id, type) is not None:
                raise Refusal(409, f"You already created this {type} repo: {repo_id}")
            self._database.run("DELETE FROM moved WHERE type = ? AND old_id = ?", type, repo_id)
            self._database.run(
                "INSERT INTO repos (type, namespace, name, private, gated, creator, created_at,"
                " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                type,
                namespace,
                name,
                private,
                gated,
                creator,
                moment,
                moment,
            )
        return self.get(repo_id, type)

    def find(self, repo_id: str, type: str = "model") -> Repo | None:
        """The repo, None if there is none; redirects are not followed."""
        namespace, _, name = repo_id.partition("/")
        row = self._database.row(
            "SELECT * FROM repos WHERE type = ? AND namespace = ? AND name = ?",
            type,
            namespace,
            name,
        )
        return _repo(row) if row else None

    def get(self, repo_id: str, type: str = "model") -> Repo:
        """The repo; 404 if there is none."""
        repo = self.find(repo_id, type)
        if repo is None:
            raise no_repo(repo_id)
        return repo

    def all(self, type: str = "model") -> list[Repo]:
        """Every repo of a type, oldest first."""
        return [
            _repo(row)
            for row in self._database.rows("SELECT * FROM repos WHERE type = ? ORDER BY id", type)
        ]

    def moved_to(self, repo_id: str, type: str) -> str | None:
        """The new id of a repo that was moved away from ``repo_id``."""
        row = self._database.row(
            "SELECT new_id FROM moved WHERE type = ? AND old_id = ?", type, repo_id
        )
        return str(row["new_id"]) if row else None

    def delete(self, repo: Repo) -> None:
        """Delete the repo with its history and discussions; blobs stay."""
        self._database.run("DELETE FROM repos WHERE id = ?", repo.id)

    def move(self, repo: Repo, new_id: str) -> Repo:
        """Rename the repo; the old id redirects. 409 if the new id is taken."""
        namespace, name = split_id(new_id)
        require_name(name)
        with self._database.transaction():
            if self.find(new_id, repo.type) is not None:
                raise Refusal(409, f"{new_id} exists already")
            self._database.run("DELETE FROM moved WHERE type = ? AND old_id = ?", repo.type, new_id)
            self._database.run(
                "INSERT OR REPLACE INTO moved VALUES (?, ?, ?)", repo.type, repo.full_id, new_id
            )
            self._database.run(
                "UPDATE repos SET namespace = ?, name = ? WHERE id = ?", namespace, name, repo.id
            )
        return self.get(new_id, repo.type)

    def update(self, repo: Repo, *, private: bool | None = None, gated: str | None = None) -> Repo:
        """Change settings; None leaves one as it is."""
        if gated is not None and gated not in GATES:
            raise Refusal(400, f'gated must be "auto", "manual" or false, not {gated!r}')
        self._database.run(
            "UPDATE repos SET private = ?, gated = ?, updated_at = ? WHERE id = ?",
            repo.private if private is None else private,
            repo.gated if gated is None else gated,
            now(),
            repo.id,
        )
        return self.get(repo.full_id, repo.type)

    def touch(self, repo: Repo) -> None:
        """Note that the repo changed now."""
        self._database.run("UPDATE repos SET updated_at = ? WHERE id = ?", now(), repo.id)


def split_id(repo_id: str) -> tuple[str, str]:
    """``(namespace, name)``; 400 for an id of another form."""
    parts = repo_id.split("/")
    if len(parts) != 2:
        raise Refusal(400, f"a repo id is namespace/name, not {repo_id!r}")
    return parts[0], parts[1]


def _repo(row: sqlite3.Row) -> Repo:
    values = dict(row)
    values["private"] = bool(values["private"])
    return Repo(**values)
