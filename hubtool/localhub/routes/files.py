"""File contents: resolve, raw, and the headers of safetensors files."""

from __future__ import annotations

import json
import mimetypes

from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from hubtool.localhub.call import API, Answer, Call, api
from hubtool.localhub.refusal import Refusal, no_entry
from hubtool.localhub.trees import Entry, Tree

HEADER_LIMIT_BYTES = 25_000_000  # the client's own limit for a safetensors header


def routes() -> list[Route]:
    """The routes of this family; addresses of models have no prefix."""
    read = ["GET", "HEAD"]
    found = [api(f"{API}/safetensors-metadata/{{path:rest}}", headers, name="safetensors-metadata")]
    for prefix in ("/{type:prefix}", ""):
        repo = f"{prefix}/{{namespace:part}}/{{name:part}}"
        tail = "{revision:part}/{path:rest}"
        found.append(api(f"{repo}/resolve/{tail}", resolve, name="resolve", methods=read))
        found.append(api(f"{repo}/raw/{tail}", raw, name="raw", methods=read))
    return found


class BlobResponse(FileResponse):
    """A blob, whole or in ranges; HEAD and empty files ignore ranges."""

    chunk_size = 1 << 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream the file; every answer, 416 as well, names the commit."""
        if scope["method"] == "HEAD" or self.headers["content-length"] == "0":
            kept = [pair for pair in scope["headers"] if pair[0].lower() != b"range"]
            scope = {**scope, "headers": kept}
        commit = self.headers["x-repo-commit"]

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("x-repo-commit", commit)
            await send(message)

        await super().__call__(scope, receive, tagged)


def resolve(call: Call) -> Answer:
    """A file's content, LFS or not."""
    entry, commit = _entry(call)
    path = call.store.blobs.path(entry.sha256)
    return BlobResponse(
        path,
        headers=_headers(entry, commit),
        media_type=mimetypes.guess_type(entry.path)[0] or "application/octet-stream",
        stat_result=path.stat(),
    )


def raw(call: Call) -> Answer:
    """What git holds: text, and for an LFS file its pointer."""
    entry, commit = _entry(call)
    content = entry.pointer if entry.is_lfs else call.store.blobs.read(entry.sha256)
    headers = _headers(entry, commit) | {"ETag": f'"{entry.oid}"'}
    return Response(content, headers=headers, media_type="text/plain; charset=utf-8")


def headers(call: Call) -> Answer:
    """The headers of a safetensors file, or of all files that an index names, in one answer."""
    repo = call.repo("files")
    commit = call.store.history.resolve(repo, "main")
    tree = call.store.history.tree(repo, commit)
    path = call.part("path")
    if path not in tree:
        raise no_entry(path, commit)
    if not path.endswith(".json"):
        return {"header": _header(call, tree, path, commit)}
    index = json.loads(call.store.blobs.read(tree[path].sha256))
    shards = sorted(set(index["weight_map"].values()))
    del index["weight_map"]  # the headers say the same
    return {
        "index": index,
        "headers": {shard: _header(call, tree, shard, commit) for shard in shards},
    }


def _header(call: Call, tree: Tree, path: str, commit: str) -> object:
    if path not in tree:
        raise no_entry(path, commit)
    blob = tree[path].sha256
    length = int.from_bytes(call.store.blobs.read(blob, 0, 8), "little")
    if length > min(HEADER_LIMIT_BYTES, tree[path].size):
        raise Refusal(400, f"{path}: a header of {length} bytes")
    return json.loads(call.store.blobs.read(blob, 8, length))


def _entry(call: Call) -> tuple[Entry, str]:
    repo = call.repo("files")
    commit, path = call.commit(repo), call.part("path")
    entry = call.store.history.tree(repo, commit).get(path)
    if entry is None:
        raise no_entry(path, commit)
    return entry, commit


def _headers(entry: Entry, commit: str) -> dict[str, str]:
    return {
        "X-Repo-Commit": commit,
        "ETag": f'"{entry.etag}"',
        "Accept-Ranges": "bytes",
        # a file may be HTML: a browser must not run it beside the hub's own pages
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
