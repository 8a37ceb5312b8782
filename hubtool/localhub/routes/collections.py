"""Collections."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from hubtool.localhub.call import Answer, Call, api
from hubtool.localhub.refusal import Refusal


def routes() -> list[Route]:
    """The routes of this family."""
    one = "/api/collections/{owner:part}/{words:part}"
    item = f"{one}/items/{{item:part}}"
    name = "collections"
    return [
        api("/api/collections", select, name=name),
        api("/api/collections", create, name=name, methods=["POST"], body="json"),
        api(one, get, name=name),
        api(one, update, name=name, methods=["PATCH"], body="json"),
        api(one, delete, name=name, methods=["DELETE"]),
        api(f"{one}/items", add_item, name=name, methods=["POST"], body="json"),
        api(item, update_item, name=name, methods=["PATCH"], body="json"),
        api(item, delete_item, name=name, methods=["DELETE"]),
    ]


def select(call: Call) -> Answer:
    """Collections by owner or by an item; without ``position``, which the client adds itself."""
    kind, _, name = call.request.query_params.get("item", "").partition("/")
    found = call.store.collections.select(
        owners=call.values("owner"), item=(kind.removesuffix("s"), name) if name else None
    )
    rows = [
        {key: value for key, value in one.items() if key != "position"}
        for one in found
        if _may_see(call, one)
    ]
    return call.page(rows, call.hub.list_page)


def create(call: Call) -> Answer:
    """A new collection."""
    namespace = call.field("namespace") or call.user()
    call.store.accounts.require_namespace(call.caller, namespace)
    return call.store.collections.create(
        namespace,
        call.text("title"),
        description=call.field("description"),
        private=bool(call.field("private")),
    )


def get(call: Call) -> Answer:
    """One collection with its items."""
    return _one(call)


def update(call: Call) -> Answer:
    """Change the collection's own fields."""
    return {"data": call.store.collections.update(_writable(call), call.body)}


def delete(call: Call) -> Answer:
    """Remove the collection."""
    call.store.collections.delete(_writable(call))
    return {}


def add_item(call: Call) -> Answer:
    """Append a repo; 404 for one that does not exist."""
    slug = _writable(call)
    wanted = call.field("item") or {}
    kind, identity = str(wanted.get("type")), str(wanted.get("id"))
    if kind in ("model", "dataset", "space"):
        repo = call.store.repos.get(identity, kind)
        call.store.accounts.require_sight(call.caller, repo)
    return call.store.collections.add_item(slug, kind, identity, call.field("note"))


def update_item(call: Call) -> Answer:
    """Change an item's note or position."""
    call.store.collections.update_item(_writable(call), call.part("item"), call.body)
    return {}


def delete_item(call: Call) -> Answer:
    """Take an item out."""
    call.store.collections.delete_item(_writable(call), call.part("item"))
    return {}


def _one(call: Call) -> dict[str, Any]:
    found = call.store.collections.get(f"{call.part('owner')}/{call.part('words')}")
    if not _may_see(call, found):
        raise Refusal(404, f"Collection not found: {found['slug']}")
    return found


def _may_see(call: Call, one: dict[str, Any]) -> bool:
    role = call.store.accounts.role(call.caller, one["owner"])
    return not one["private"] or role != "no_access"


def _writable(call: Call) -> str:
    found = _one(call)
    call.store.accounts.require_namespace(call.caller, found["owner"])
    return str(found["slug"])
