"""Discussions and pull requests, and the merge of a pull request into main."""

from __future__ import annotations

import dataclasses
import json
import secrets
import sqlite3
from typing import Any

from hubtool.localhub.database import Database, now
from hubtool.localhub.history import MAIN, History
from hubtool.localhub.refusal import Refusal
from hubtool.localhub.repositories import Repo
from hubtool.localhub.trees import Entry, Tree


@dataclasses.dataclass(frozen=True)
class Discussion:
    """A discussion; ``base`` is the commit that a pull request started from."""

    num: int
    title: str
    status: str
    is_pull_request: bool
    author: str
    created_at: str
    base: str | None
    merge_commit: str | None

    @property
    def ref(self) -> str:
        """The pull request's own ref."""
        return f"refs/pr/{self.num}"


Event = dict[str, Any]


class Discussions:
    """Discussions of all repos."""

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history

    def open(
        self,
        repo: Repo,
        *,
        title: str,
        description: str,
        author: str,
        base: str | None = None,
        status: str = "open",
    ) -> Discussion:
        """A new discussion; with ``base`` a pull request whose ref starts at that commit."""
        with self._database.transaction():
            row = self._database.row(
                "SELECT COALESCE(MAX(num), 0) + 1 AS num FROM discussions WHERE repo = ?", repo.id
            )
            assert row is not None  # an aggregate always has a row
            num = int(row["num"])
            self._database.run(
                "INSERT INTO discussions VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                repo.id,
                num,
                title,
                status,
                base is not None,
                author,
                now(),
                base,
            )
            if description:
                self.comment(repo, num, description, author)
            discussion = self.get(repo, num)
            if base is not None:
                self._history.set_ref(repo, discussion.ref, base)
        return discussion

    def get(self, repo: Repo, num: int) -> Discussion:
        """One discussion; 404 if there is none of that number."""
        row = self._database.row(
            "SELECT * FROM discussions WHERE repo = ? AND num = ?", repo.id, num
        )
        if row is None:
            raise Refusal(404, f"Discussion {num} not found in {repo.full_id}")
        return _discussion(row)

    def all(self, repo: Repo) -> list[Discussion]:
        """Every discussion, newest first."""
        rows = self._database.rows(
            "SELECT * FROM discussions WHERE repo = ? ORDER BY num DESC", repo.id
        )
        return [_discussion(row) for row in rows]

    def events(self, repo: Repo, num: int) -> list[Event]:
        """What happened, in order, as the client reads it."""
        rows = self._database.rows(
            "SELECT * FROM events WHERE repo = ? AND num = ? ORDER BY rowid", repo.id, num
        )
        return [_event(row) for row in rows]

    def comment(self, repo: Repo, num: int, text: str, author: str) -> Event:
        """Add a comment."""
        latest = {"raw": text, "html": text, "updatedAt": now(), "author": {"name": author}}
        data = {"edited": False, "hidden": False, "latest": latest, "history": [latest]}
        return self._add(repo, num, "comment", author, data)

    def rename(self, repo: Repo, num: int, title: str, author: str) -> Event:
        """Change the title."""
        before = self.get(repo, num).title
        with self._database.transaction():
            self._database.run(
                "UPDATE discussions SET title = ? WHERE repo = ? AND num = ?", title, repo.id, num
            )
            return self._add(repo, num, "title-change", author, {"from": before, "to": title})

    def set_status(self, repo: Repo, num: int, status: str, author: str) -> Event:
        """Open or close; a merged pull request stays merged (400)."""
        if status not in ("open", "closed"):
            raise Refusal(400, f'status must be "open" or "closed", not {status!r}')
        if self.get(repo, num).status == "merged":
            raise Refusal(400, f"pull request {num} is merged already")
        with self._database.transaction():
            return self._set_status(repo, num, status, author)

    def note_commit(self, repo: Repo, num: int, oid: str, subject: str, author: str) -> Event:
        """Record that a commit was added to the pull request."""
        return self._add(repo, num, "commit", author, {"subject": subject, "oid": oid})

    def conflicts(self, repo: Repo, discussion: Discussion) -> list[str]:
        """Paths that main and the pull request changed in different ways since they parted."""
        return _merge(*self._three_trees(repo, discussion))[1]

    def merge(self, repo: Repo, num: int, author: str, comment: str = "") -> str:
        """Merge into main as one commit; returns it.

        400 for what is no open pull request, 409 for conflicting files.
        """
        with self._database.transaction():
            discussion = self.get(repo, num)
            if not discussion.is_pull_request or discussion.status != "open":
                raise Refusal(
                    400, f"discussion {num} is {discussion.status}, not an open pull request"
                )
            merged, conflicts = _merge(*self._three_trees(repo, discussion))
            if conflicts:
                raise Refusal(409, f"pull request {num} conflicts in {', '.join(conflicts)}")
            if comment:
                self.comment(repo, num, comment, author)
            title = f"{discussion.title} (#{num})"
            head = self._history.refs(repo)[MAIN]
            oid = self._history.write(repo, MAIN, merged, parent=head, title=title, author=author)
            self._database.run(
                "UPDATE discussions SET merge_commit = ? WHERE repo = ? AND num = ?",
                oid,
                repo.id,
                num,
            )
            self._set_status(repo, num, "merged", author)
        return oid

    def _three_trees(
        self, repo: Repo, discussion: Discussion
    ) -> tuple[dict[str, Entry], dict[str, Entry], dict[str, Entry]]:
        refs = self._history.refs(repo)
        assert discussion.base is not None  # a pull request has one
        oids = (discussion.base, refs[MAIN], refs[discussion.ref])
        base, ours, theirs = (self._history.tree(repo, oid) for oid in oids)
        return base, ours, theirs

    def _set_status(self, repo: Repo, num: int, status: str, author: str) -> Event:
        self._database.run(
            "UPDATE discussions SET status = ? WHERE repo = ? AND num = ?", status, repo.id, num
        )
        return self._add(repo, num, "status-change", author, {"status": status})

    def _add(self, repo: Repo, num: int, type: str, author: str, data: Event) -> Event:
        identity = secrets.token_hex(12)
        self._database.run(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            identity,
            repo.id,
            num,
            type,
            author,
            now(),
            json.dumps(data),
        )
        row = self._database.row("SELECT * FROM events WHERE id = ?", identity)
        assert row is not None  # just inserted
        return _event(row)


def _merge(base: Tree, ours: Tree, theirs: Tree) -> tuple[dict[str, Entry], list[str]]:
    """Whole-file three-way merge: the merged tree and the paths in conflict."""
    merged, conflicts = dict(ours), []
    for path in sorted(base.keys() | theirs.keys()):
        if theirs.get(path) == base.get(path) or theirs.get(path) == ours.get(path):
            continue
        if ours.get(path) != base.get(path):
            conflicts.append(path)
        elif path in theirs:
            merged[path] = theirs[path]
        else:
            del merged[path]
    return merged, conflicts


def _discussion(row: sqlite3.Row) -> Discussion:
    values = dict(row)
    del values["repo"]
    values["is_pull_request"] = bool(values["is_pull_request"])
    return Discussion(**values)


def _event(row: sqlite3.Row) -> Event:
    return {
        "id": row["id"],
        "type": row["type"],
        "createdAt": row["created_at"],
        "author": {"name": row["author"]},
        "data": json.loads(row["data"]),
    }
