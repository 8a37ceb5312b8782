"""What the Hub tells about a repo: the info object, in full, as a list row, or by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from hubtool.localhub.repositories import Repo
from hubtool.localhub.store import Store
from hubtool.localhub.trees import Entry

ROW_FIELDS = [
    "createdAt",
    "downloads",
    "gated",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "tags",
    "trendingScore",
]
FULL_ROW_FIELDS = [*ROW_FIELDS, "author", "disabled", "sha", "siblings"]
INFO_FIELDS = [*FULL_ROW_FIELDS, "cardData", "config", "safetensors", "spaces", "usedStorage"]
EXPANDABLE = (
    *INFO_FIELDS,
    *["baseModels", "childrenModelCount", "downloadsAllTime", "evalResults", "gguf", "inference"],
    *["mask_token", "model-index", "transformersInfo", "widgetData", "resourceGroup", "license"],
)


def info(
    store: Store, repo: Repo, oid: str, fields: Iterable[str], *, with_blobs: bool = False
) -> dict[str, Any]:
    """The named fields of a repo at a commit; fields without a value are left out."""
    wanted = set(fields)
    values: dict[str, Any] = {
        "author": repo.namespace,
        "sha": oid,
        "lastModified": store.history.commit(repo, oid).date,
        "createdAt": repo.created_at,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": False,
        "downloads": 0,
        "downloadsAllTime": 0,
        "likes": 0,
        "trendingScore": 0,
        "spaces": [],
    }
    values.update(_from_files(store, repo, oid))
    if wanted & {"siblings", "usedStorage"}:
        tree = store.history.tree(repo, oid)
        values["siblings"] = [_sibling(entry, with_blobs) for entry in tree.values()]
        values["usedStorage"] = used_storage(tree.values())
    if "childrenModelCount" in wanted:
        values["childrenModelCount"] = children_count(store, repo)
    head = {"_id": f"{repo.id:024x}", "id": repo.full_id}
    if repo.type == "model":
        head["modelId"] = repo.full_id
    found = {name: values[name] for name in EXPANDABLE if name in wanted and name in values}
    return head | {name: value for name, value in found.items() if value is not None}


def _from_files(store: Store, repo: Repo, oid: str) -> dict[str, Any]:
    derived = store.history.derived(repo, oid)
    derived["model-index"] = (derived.get("cardData") or {}).get("model-index")
    return derived


def children(store: Store, repo: Repo) -> list[tuple[str, Repo]]:
    """Repos whose card names this one as their base, with the relation."""
    found = []
    for other in store.repos.all(repo.type):
        head = store.history.find(other, "main")
        based = store.history.derived(other, head).get("baseModels") if head else None
        if based and repo.full_id in [model["id"] for model in based["models"]]:
            found.append((str(based["relation"]), other))
    return found


def children_count(store: Store, repo: Repo) -> dict[str, int]:
    """Number of children by relation."""
    return dict(Counter(relation for relation, _ in children(store, repo)))


def used_storage(entries: Iterable[Entry]) -> int:
    """Bytes of the distinct files of a tree."""
    return sum({entry.sha256: entry.size for entry in entries}.values())


def _sibling(entry: Entry, with_blobs: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": entry.path}
    if with_blobs:
        sibling |= {"size": entry.size, "blobId": entry.oid}
        if entry.is_lfs:
            lfs = {"sha256": entry.sha256, "size": entry.size}
            sibling["lfs"] = lfs | {"pointerSize": len(entry.pointer)}
    return sibling
