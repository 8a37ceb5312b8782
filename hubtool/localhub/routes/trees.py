"""Trees, paths, refs and commits: reading the git half of a repo."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from starlette.routing import Route

from hubtool.localhub.call import API, Answer, Call, api
from hubtool.localhub.history import Commit
from hubtool.localhub.refusal import Refusal, no_entry
from hubtool.localhub.repositories import Repo
from hubtool.localhub.trees import Entry, Tree, folders, tree_id

PATHS_LIMIT = 1000


def routes() -> list[Route]:
    """The routes of this family."""
    return [
        api(f"{API}/tree/{{revision:part}}", tree, name="tree"),
        api(f"{API}/tree/{{revision:part}}/{{path:rest}}", tree, name="tree"),
        api(
            f"{API}/paths-info/{{revision:part}}",
            paths_info,
            name="paths-info",
            methods=["POST"],
            body="form",
        ),
        api(f"{API}/refs", refs, name="refs"),
        api(f"{API}/commits/{{revision:part}}", commits, name="commits"),
        api(f"{API}/lfs-files", lfs_files, name="lfs-files"),
    ]


def tree(call: Call) -> Answer:
    """Files and folders below a path, one level or all, in pages."""
    repo = call.repo("sight")
    commit = call.commit(repo)
    everything = call.store.history.tree(repo, commit)
    root = call.request.path_params.get("path", "").strip("/")
    nodes = _nodes(everything)
    if root and nodes.get(root, {}).get("type") != "directory":
        raise no_entry(root, commit)
    prefix = f"{root}/" if root else ""
    recursive = call.flag("recursive")
    chosen = [
        node
        for path, node in sorted(nodes.items())
        if path.startswith(prefix) and (recursive or "/" not in path[len(prefix) :])
    ]
    if call.flag("expand"):
        _add_last_commits(call, repo, commit, chosen)
        return call.page(chosen, call.hub.expanded_page)
    return call.page(chosen, call.hub.tree_page)


def paths_info(call: Call) -> Answer:
    """The nodes of the named paths; what does not exist is left out."""
    repo = call.repo("sight")
    commit = call.commit(repo)
    paths = call.field("paths", [])
    paths = [paths] if isinstance(paths, str) else paths
    if len(paths) > PATHS_LIMIT:
        raise Refusal(413, "too many parameters")
    nodes = _nodes(call.store.history.tree(repo, commit))
    chosen = [nodes[path.strip("/")] for path in paths if path.strip("/") in nodes]
    expand = call.field("expand", False)
    if str(expand[0] if isinstance(expand, list) else expand).lower() in ("1", "true"):
        _add_last_commits(call, repo, commit, chosen)
    return chosen


def refs(call: Call) -> Answer:
    """Branches, tags and, if asked for, pull requests."""
    repo = call.repo("sight")
    found: dict[str, Any] = {"branches": [], "tags": [], "converts": []}
    if call.flag("include_prs"):
        found["pullRequests"] = []
    kinds = {"heads": "branches", "tags": "tags", "pr": "pullRequests", "convert": "converts"}
    for ref, oid in call.store.history.refs(repo).items():
        _, kind, name = ref.split("/", 2)
        if kinds[kind] in found:
            found[kinds[kind]].append({"name": name, "ref": ref, "targetCommit": oid})
    return found


def commits(call: Call) -> Answer:
    """A revision's commits, newest first, in pages."""
    repo = call.repo("sight")
    log = call.store.history.log(repo, call.commit(repo))
    rows = [
        {
            "id": commit.oid,
            "title": commit.title,
            "message": commit.message,
            "date": commit.date,
            "authors": [{"user": commit.author}],
        }
        for commit in log
    ]
    return call.page(rows, call.hub.commits_page)


def lfs_files(call: Call) -> Answer:
    """The LFS objects that main holds."""
    repo = call.repo("write")
    commit = call.store.history.resolve(repo, "main")
    pushed = call.store.history.last_commits(repo, commit)
    rows = [
        {
            "fileOid": entry.sha256,
            "oid": entry.sha256,
            "filename": entry.path,
            "size": entry.size,
            "pushedAt": pushed[entry.path].date,
            "ref": "refs/heads/main",
        }
        for entry in call.store.history.tree(repo, commit).values()
        if entry.is_lfs
    ]
    return call.page(rows, call.hub.tree_page)


def _nodes(tree: Tree) -> dict[str, dict[str, Any]]:
    """Path -> node for every file and folder."""
    below: dict[str, dict[str, Entry]] = {folder: {} for folder in folders(tree)}
    for entry in tree.values():
        parent = posixpath.dirname(entry.path)
        while parent:
            below[parent][entry.path] = entry
            parent = posixpath.dirname(parent)
    nodes: dict[str, dict[str, Any]] = {
        folder: {"type": "directory", "oid": tree_id(inside), "size": 0, "path": folder}
        for folder, inside in below.items()
    }
    return nodes | {entry.path: _file(entry) for entry in tree.values()}


def _file(entry: Entry) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "file", "oid": entry.oid, "size": entry.size}
    if entry.is_lfs:
        node["lfs"] = {
            "oid": entry.sha256,
            "size": entry.size,
            "pointerSize": len(entry.pointer),
        }
    return node | {"path": entry.path}


def _add_last_commits(call: Call, repo: Repo, oid: str, nodes: list[dict[str, Any]]) -> None:
    last = call.store.history.last_commits(repo, oid)
    for node in nodes:
        node["lastCommit"] = _last(last, node["path"], node["type"] == "directory")


def _last(last: Mapping[str, Commit], path: str, is_folder: bool) -> dict[str, str]:
    inside = [commit for file, commit in last.items() if file.startswith(f"{path}/")]
    commit = max(inside, key=lambda one: one.date) if is_folder else last[path]
    return {"id": commit.oid, "title": commit.title, "date": commit.date}
