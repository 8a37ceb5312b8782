"""Info about one repo, and lists of repos with their filters."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.routing import Route

from hubtool.localhub.call import API, Answer, Call, api
from hubtool.localhub.info import EXPANDABLE, FULL_ROW_FIELDS, INFO_FIELDS, ROW_FIELDS, info
from hubtool.localhub.refusal import Refusal, no_repo
from hubtool.localhub.repositories import Repo

SORT_FIELDS = {
    "lastModified": "lastModified",
    "last_modified": "lastModified",
    "createdAt": "createdAt",
    "created_at": "createdAt",
    "trendingScore": "trendingScore",
    "trending_score": "trendingScore",
    "likes": "likes",
    "downloads": "downloads",
}
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def routes() -> list[Route]:
    """The routes of this family; they come after all others below /api/models/..."""
    return [
        api(f"{API}/revision/{{revision:part}}", repo_info, name="info"),
        api(API, repo_info, name="info"),
        api("/api/{type:types}", repo_list, name="list"),
        api("/api/{type:types}/{name:part}", legacy, name="info"),
    ]


def repo_info(call: Call) -> Answer:
    """The info object at a revision; with ``expand`` only the named fields."""
    repo = call.repo("sight")
    oid = call.commit(repo)
    fields = _expanded(call) or INFO_FIELDS
    return info(call.store, repo, oid, fields, with_blobs=call.flag("blobs"))


def repo_list(call: Call) -> Answer:
    """Repos that match every filter, in pages."""
    repo_type = call.request.path_params["type"]
    visible = [
        repo
        for repo in call.store.repos.all(repo_type)
        if call.store.accounts.may_see(call.caller, repo)
    ]
    rows = [(_everything(call, repo), repo) for repo in visible]
    chosen = [(row, repo) for row, repo in rows if _matches(call, row, repo)]
    _sort(call, chosen)
    fields = {*_list_fields(call), "id", "modelId", "_id"}
    answer = [{key: value for key, value in row.items() if key in fields} for row, _ in chosen]
    return call.page(answer, call.hub.list_page)


def legacy(call: Call) -> Answer:
    """Ids of one part do not exist here."""
    raise no_repo(call.part("name"))


def _everything(call: Call, repo: Repo) -> dict[str, Any]:
    oid = call.store.history.resolve(repo, "main")
    return info(call.store, repo, oid, {*ROW_FIELDS, "safetensors", *_list_fields(call)})


def _expanded(call: Call) -> list[str]:
    names = [name for value in call.values("expand") for name in value.split(",")]
    unknown = [name for name in names if name not in EXPANDABLE]
    if unknown:
        raise Refusal(400, f'"expand" must be one of [{", ".join(EXPANDABLE)}], not {unknown[0]}')
    return names


def _list_fields(call: Call) -> list[str]:
    expanded = _expanded(call)
    if expanded:
        return expanded
    fields = list(FULL_ROW_FIELDS if call.flag("full") or call.values("filter") else ROW_FIELDS)
    return fields + [name for name in ("cardData", "config") if call.flag(name)]


def _matches(call: Call, row: dict[str, Any], repo: Repo) -> bool:
    query = call.request.query_params
    tags = set(row.get("tags") or [])
    wanted = {tag for value in call.values("filter") for tag in value.split(",")}
    search = query.get("search", "").lower()
    gated = query.get("gated", "").lower()
    return (
        query.get("author", repo.namespace) == repo.namespace
        and wanted <= tags
        and search in repo.full_id.lower()
        and query.get("pipeline_tag", row.get("pipeline_tag")) == row.get("pipeline_tag")
        and (not gated or bool(repo.gated) == (gated in ("1", "true")))
        and _in_range(query.get("num_parameters", ""), (row.get("safetensors") or {}).get("total"))
    )


def _in_range(text: str, count: int | None) -> bool:
    """Whether a parameter count lies in ``min:6B,max:128B``; an unknown count lies in none."""
    if not text:
        return True
    if count is None:
        return False
    for bound in text.split(","):
        match = re.fullmatch(r"(min|max):([\d.]+)([KMBT]?)", bound)
        if match is None:
            raise Refusal(400, f'"num_parameters" is like min:6B,max:128B, not {json.dumps(text)}')
        limit = float(match[2]) * _UNITS[match[3]]
        if count < limit if match[1] == "min" else count > limit:
            return False
    return True


def _sort(call: Call, chosen: list[tuple[dict[str, Any], Repo]]) -> None:
    query = call.request.query_params
    wanted = query.get("sort", "trendingScore")
    if wanted not in SORT_FIELDS:
        raise Refusal(400, f'"sort" must be one of [{", ".join(SORT_FIELDS)}], not {wanted}')
    descending = query.get("direction", "-1") != "1"
    chosen.sort(key=lambda pair: (pair[0][SORT_FIELDS[wanted]], pair[1].id), reverse=descending)
