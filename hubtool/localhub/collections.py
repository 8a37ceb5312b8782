"""Collections: named shelves of repos."""

from __future__ import annotations

import re
import secrets
import sqlite3
from typing import Any

from hubtool.localhub.database import Database, now
from hubtool.localhub.refusal import Refusal

ITEM_TYPES = ("model", "dataset", "space", "paper", "collection")
DESCRIPTION_LIMIT = 150  # characters; what the live Hub is said to allow

Collection = dict[str, Any]


class Collections:
    """All collections, as the objects that the client reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, owner: str, title: str, *, description: str | None = None, private: bool = False
    ) -> Collection:
        """A new, empty collection; 409 (with its slug) if the owner has one of that title."""
        _require_description(description)
        with self._database.transaction():
            same = self._database.row(
                "SELECT slug FROM collections WHERE owner = ? AND title = ?", owner, title
            )
            if same is not None:
                body = {"slug": same["slug"]}
                raise Refusal(409, f"{owner} has a collection {title!r} already", body=body)
            row = self._database.row(
                "SELECT COUNT(*) AS count FROM collections WHERE owner = ?", owner
            )
            assert row is not None  # an aggregate always has a row
            slug = f"{owner}/{_words(title)}-{secrets.token_hex(12)}"
            self._database.run(
                "INSERT INTO collections VALUES (?, ?, ?, ?, ?, 'orange', ?, ?)",
                slug,
                owner,
                title,
                description,
                private,
                row["count"],
                now(),
            )
        return self.get(slug)

    def get(self, slug: str) -> Collection:
        """One collection with its items; 404 if there is none."""
        row = self._database.row("SELECT * FROM collections WHERE slug = ?", slug)
        if row is None:
            raise Refusal(404, f"Collection not found: {slug}")
        return self._object(row)

    def select(self, *, owners: list[str], item: tuple[str, str] | None = None) -> list[Collection]:
        """Collections of some owners (none named: of all), or those that hold one item."""
        rows = self._database.rows("SELECT * FROM collections ORDER BY updated_at DESC, slug")
        found = [self._object(row) for row in rows if not owners or row["owner"] in owners]
        if item is None:
            return found
        return [one for one in found if item in _contents(one["items"])]

    def update(self, slug: str, changes: dict[str, Any]) -> Collection:
        """Change title, description, private, theme or position."""
        before = self.get(slug)
        _require_description(changes.get("description"))
        columns = ("title", "description", "private", "theme", "position")
        with self._database.transaction():
            for column in columns:
                if column in changes:
                    self._database.run(
                        f"UPDATE collections SET {column} = ? WHERE slug = ?",
                        changes[column],
                        slug,
                    )
            if changes.get("title", before["title"]) != before["title"]:
                slug = self._reslug(slug, changes["title"])
            self._touch(slug)
        return self.get(slug)

    def delete(self, slug: str) -> None:
        """Remove a collection; the repos stay."""
        self._database.run("DELETE FROM collections WHERE slug = ?", slug)

    def add_item(self, slug: str, type: str, item: str, note: str | None = None) -> Collection:
        """Append an item; 409 if it is there."""
        if type not in ITEM_TYPES:
            raise Refusal(400, f"item type must be one of {', '.join(ITEM_TYPES)}, not {type!r}")
        items = self.get(slug)["items"]
        if (type, item) in _contents(items):
            raise Refusal(409, f"{type} {item} is in the collection already")
        with self._database.transaction():
            self._database.run(
                "INSERT INTO collection_items VALUES (?, ?, ?, ?, ?, ?)",
                secrets.token_hex(12),
                slug,
                type,
                item,
                len(items),
                note,
            )
            self._touch(slug)
        return self.get(slug)

    def update_item(self, slug: str, identity: str, changes: dict[str, Any]) -> None:
        """Change an item's note or move it to a position."""
        items = self.get(slug)["items"]
        chosen = _item(items, identity)
        with self._database.transaction():
            if "note" in changes:
                self._database.run(
                    "UPDATE collection_items SET note = ? WHERE id = ?", changes["note"], identity
                )
            if "position" in changes:
                items.remove(chosen)
                items.insert(int(changes["position"]), chosen)
                self._renumber(items)
            self._touch(slug)

    def delete_item(self, slug: str, identity: str) -> None:
        """Take an item out."""
        items = self.get(slug)["items"]
        chosen = _item(items, identity)
        items.remove(chosen)
        with self._database.transaction():
            self._database.run("DELETE FROM collection_items WHERE id = ?", identity)
            self._renumber(items)
            self._touch(slug)

    def _object(self, row: sqlite3.Row) -> Collection:
        items = self._database.rows(
            "SELECT * FROM collection_items WHERE slug = ? ORDER BY position", row["slug"]
        )
        return {
            "slug": row["slug"],
            "title": row["title"],
            "description": row["description"],
            "owner": row["owner"],
            "private": bool(row["private"]),
            "theme": row["theme"],
            "position": row["position"],
            "upvotes": 0,
            "lastUpdated": row["updated_at"],
            "items": [
                {
                    "_id": item["id"],
                    "id": item["item"],
                    "type": item["type"],
                    "position": item["position"],
                    **({"note": {"text": item["note"]}} if item["note"] else {}),
                }
                for item in items
            ],
        }

    def _reslug(self, slug: str, title: str) -> str:
        owner, _, rest = slug.partition("/")
        renamed = f"{owner}/{_words(title)}-{rest.rsplit('-', 1)[-1]}"
        self._database.run("UPDATE collections SET slug = ? WHERE slug = ?", renamed, slug)
        return renamed

    def _renumber(self, items: list[dict[str, Any]]) -> None:
        for position, item in enumerate(items):
            self._database.run(
                "UPDATE collection_items SET position = ? WHERE id = ?", position, item["_id"]
            )

    def _touch(self, slug: str) -> None:
        self._database.run("UPDATE collections SET updated_at = ? WHERE slug = ?", now(), slug)


def _item(items: list[dict[str, Any]], identity: str) -> dict[str, Any]:
    for item in items:
        if item["_id"] == identity:
            return item
    raise Refusal(404, f"Item not found in the collection: {identity}")


def _contents(items: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(item["type"], item["id"]) for item in items}


def _words(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "collection"


def _require_description(text: str | None) -> None:
    if text is not None and len(text) > DESCRIPTION_LIMIT:
        raise Refusal(
            400, f'"description" is {len(text)} characters long, at most {DESCRIPTION_LIMIT} fit'
        )
