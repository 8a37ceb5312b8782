"""Refs, commits and what is derived from a tree: the git half of a repo."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import secrets
import sqlite3
from typing import Any

from hubtool.localhub.blobs import BlobStore
from hubtool.localhub.database import Database, now
from hubtool.localhub.refusal import Refusal, no_revision
from hubtool.localhub.repositories import Repo
from hubtool.localhub.trees import Entry, Operation, Tree, apply, tree_id

MAIN = "refs/heads/main"
MOVED = "A commit has happened since. Please refresh and try again."

_HEX = re.compile(r"[0-9a-f]{5,40}")


@dataclasses.dataclass(frozen=True)
class Commit:
    """A commit; ``message`` is what follows the title, ``parent`` None for the first."""

    oid: str
    parent: str | None
    tree: str
    title: str
    message: str
    date: str
    author: str


class History:
    """Commits of all repos. Every change is one transaction."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    # --- reading -----------------------------------------------------------

    def refs(self, repo: Repo) -> dict[str, str]:
        """Full ref name -> commit, in name order."""
        rows = self._database.rows("SELECT ref, oid FROM refs WHERE repo = ? ORDER BY ref", repo.id)
        return {row["ref"]: row["oid"] for row in rows}

    def find(self, repo: Repo, revision: str) -> str | None:
        """The commit a revision names: branch, tag, full ref, ``HEAD``, or 5 to 40 hex digits."""
        refs = self.refs(repo)
        names = [f"refs/heads/{revision}", f"refs/tags/{revision}", revision]
        for name in [MAIN] if revision == "HEAD" else names:
            if name in refs:
                return refs[name]
        if not _HEX.fullmatch(revision):
            return None
        rows = self._database.rows(
            "SELECT oid FROM commits WHERE repo = ? AND oid LIKE ?", repo.id, revision + "%"
        )
        return str(rows[0]["oid"]) if len(rows) == 1 else None

    def resolve(self, repo: Repo, revision: str) -> str:
        """Like :meth:`find`; 404 for a revision that is not there."""
        found = self.find(repo, revision)
        if found is None:
            raise no_revision(revision)
        return found

    def commit(self, repo: Repo, oid: str) -> Commit:
        """One commit by its full id."""
        row = self._database.row("SELECT * FROM commits WHERE repo = ? AND oid = ?", repo.id, oid)
        if row is None:
            raise no_revision(oid)
        return _commit(row)

    def log(self, repo: Repo, oid: str) -> list[Commit]:
        """The commit and its ancestors, newest first."""
        rows = self._database.rows("SELECT * FROM commits WHERE repo = ?", repo.id)
        by_oid = {row["oid"]: _commit(row) for row in rows}
        found: list[Commit] = []
        following: str | None = oid
        while following is not None:
            found.append(by_oid[following])
            following = found[-1].parent
        return found

    def tree(self, repo: Repo, oid: str) -> dict[str, Entry]:
        """Path -> file of one commit, in path order."""
        return self._entries(self.commit(repo, oid).tree)

    def derived(self, repo: Repo, oid: str) -> dict[str, Any]:
        """What was computed from the commit's files: cardData, tags, config, safetensors, ..."""
        tree = self.commit(repo, oid).tree
        row = self._database.row("SELECT derived FROM trees WHERE id = ?", tree)
        data: dict[str, Any] = json.loads(row["derived"]) if row else {}
        return data

    def last_commits(self, repo: Repo, oid: str) -> dict[str, Commit]:
        """For each path of the commit, the commit that last changed it."""
        found: dict[str, Commit] = {}
        commits = self.log(repo, oid)
        present = self._entries(commits[0].tree)
        newer = present
        for commit, parent in zip(commits, [*commits[1:], None], strict=True):
            older = self._entries(parent.tree) if parent else {}
            for path in newer.keys() & present.keys():
                if path not in found and older.get(path) != newer[path]:
                    found[path] = commit
            newer = older
        return found

    def _entries(self, tree: str) -> dict[str, Entry]:
        rows = self._database.rows("SELECT * FROM entries WHERE tree = ? ORDER BY path", tree)
        return {
            row["path"]: Entry(
                row["path"], row["sha256"], row["oid"], row["size"], bool(row["is_lfs"])
            )
            for row in rows
        }

    # --- writing -----------------------------------------------------------

    def add(
        self,
        repo: Repo,
        ref: str,
        operations: list[Operation],
        *,
        title: str,
        message: str = "",
        author: str,
        expected: str | None = None,
    ) -> str:
        """Commit the operations on a ref; returns the new commit's id.

        ``expected`` is the head (or its first 5+ digits) that the caller has
        seen: 412 if the ref has moved on. The ref is created on a first commit.
        """
        with self._database.transaction():
            head = self.refs(repo).get(ref)
            if expected is not None and (head is None or not _is_prefix(expected, head)):
                raise Refusal(412, MOVED)
            before = self.tree(repo, head) if head else {}
            return self.write(
                repo,
                ref,
                apply(before, operations, head),
                parent=head,
                title=title,
                message=message,
                author=author,
            )

    def write(
        self,
        repo: Repo,
        ref: str,
        tree: Tree,
        *,
        parent: str | None,
        title: str,
        message: str = "",
        author: str,
    ) -> str:
        """Make ``tree`` a commit and let ``ref`` point at it; returns the commit's id."""
        identity, date = self._store_tree(tree), now()
        text = "\0".join((parent or "", identity, title, message, date, author))
        text += secrets.token_hex(8)  # two equal commits in one millisecond stay two
        oid = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        with self._database.transaction():
            self._database.run(
                "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                repo.id,
                oid,
                parent,
                identity,
                title,
                message,
                date,
                author,
            )
            self.set_ref(repo, ref, oid)
            self._database.run("UPDATE repos SET updated_at = ? WHERE id = ?", date, repo.id)
        return oid

    def set_ref(self, repo: Repo, ref: str, oid: str) -> None:
        """Create or move a ref."""
        self._database.run("INSERT OR REPLACE INTO refs VALUES (?, ?, ?)", repo.id, ref, oid)

    def create_ref(self, repo: Repo, ref: str, oid: str) -> None:
        """A new branch or tag; 409 if it exists."""
        with self._database.transaction():
            if ref in self.refs(repo):
                raise Refusal(409, f"Reference already exists: {ref}")
            self.set_ref(repo, ref, oid)

    def delete_ref(self, repo: Repo, ref: str) -> None:
        """Remove a branch or tag; 404 if there is none."""
        if not self._database.run("DELETE FROM refs WHERE repo = ? AND ref = ?", repo.id, ref):
            raise no_revision(ref)

    def _store_tree(self, tree: Tree) -> str:
        identity = tree_id(tree)
        if self._database.row("SELECT 1 FROM trees WHERE id = ?", identity):
            return identity
        derived = json.dumps(self._derive(tree), ensure_ascii=False)
        with self._database.transaction():
            self._database.run("INSERT OR IGNORE INTO trees VALUES (?, ?)", identity, derived)
            self._database.run_many(
                "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?)",
                [(identity, e.path, e.sha256, e.oid, e.size, e.is_lfs) for e in tree.values()],
            )
        return identity

    def _derive(self, tree: Tree) -> dict[str, Any]:
        from hubtool.localhub.derive import derive

        def read(path: str) -> bytes:
            return self._blobs.read(tree[path].sha256)

        def read_range(path: str, start: int, length: int) -> bytes:
            return self._blobs.read(tree[path].sha256, start, length)

        by_lfs = {path for path, entry in tree.items() if entry.is_lfs}
        return derive(sorted(tree), read, read_range, lfs=by_lfs)


def _is_prefix(expected: str, head: str) -> bool:
    return len(expected) >= 5 and head.startswith(expected)


def _commit(row: sqlite3.Row) -> Commit:
    values = dict(row)
    del values["repo"]
    return Commit(**values)
