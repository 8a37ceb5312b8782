"""Before a commit: which way each file goes, and the LFS transfer of the large ones."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hubtool.localhub.blobs import is_sha256
from hubtool.localhub.call import API, Answer, Call, api, stream
from hubtool.localhub.refusal import Refusal
from hubtool.localhub.store import GITATTRIBUTES
from hubtool.localhub.trees import Tree, ignore_rule, lfs_rule, needs_lfs
from hubtool.localhub.uploads import Upload, Uploads

PREUPLOAD_LIMIT = 256
LFS_TYPE = "application/vnd.git-lfs+json"
XET_REMEDY = (
    "This local Hub takes LFS uploads only: set HF_HUB_DISABLE_XET=1 in the environment of the "
    "client, before it starts"
)


def routes() -> list[Route]:
    """The routes of this family."""
    found = [
        api(
            f"{API}/preupload/{{revision:part}}",
            preupload,
            name="preupload",
            methods=["POST"],
            body="json",
        ),
        api(f"{API}/xet-write-token/{{revision:part}}", no_xet, name="xet-token"),
        api(f"{API}/xet-read-token/{{revision:part}}", no_xet, name="xet-token"),
        api("/lfs/verify", verify, name="lfs-verify", methods=["POST"], body="json"),
        stream("/lfs/upload/{token:part}", put_object, name="lfs-upload", methods=["PUT"]),
        stream("/lfs/upload/{token:part}/{number:int}", put_part, name="lfs-part", methods=["PUT"]),
        api(
            "/lfs/upload/{token:part}/complete",
            complete,
            name="lfs-complete",
            methods=["POST"],
            body="json",
        ),
    ]
    for prefix in ("/{type:prefix}", ""):
        path = f"{prefix}/{{namespace:part}}/{{name:part}}.git/info/lfs/objects/batch"
        found.append(api(path, batch, name="lfs-batch", methods=["POST"], body="json"))
    return found


def preupload(call: Call) -> Answer:
    """For each file: regular or LFS, whether it is ignored, and what the branch holds now."""
    if call.flag("create_pr"):
        repo, _ = call.repo("files"), call.user()
    else:
        repo = call.repo("write")
    commit = call.commit(repo)
    tree = call.store.history.tree(repo, commit)
    files = call.field("files", [])
    if len(files) > PREUPLOAD_LIMIT:
        raise Refusal(413, f"{len(files)} files in one call, at most {PREUPLOAD_LIMIT}")
    marked = lfs_rule(_text(call, tree, "gitAttributes", GITATTRIBUTES))
    ignored = ignore_rule(_text(call, tree, "gitIgnore", ".gitignore"))
    answer = []
    for path, size, sample in _described(files):
        by_lfs = needs_lfs(size, sample, marked(path))
        row = {
            "path": path,
            "uploadMode": "lfs" if by_lfs else "regular",
            "shouldIgnore": ignored(path),
        }
        answer.append(row | ({"oid": tree[path].etag} if path in tree else {}))
    return {"files": answer, "commitOid": commit}


def batch(call: Call) -> Answer:
    """Upload addresses for the objects that are not stored yet."""
    repo = call.repo("sight")
    call.user()
    if call.caller.token_role != "write":
        raise Refusal(403, f"this token may not upload to {repo.full_id}")
    if call.field("operation") != "upload":
        raise Refusal(400, f"operation must be upload, not {call.field('operation')!r}")
    multipart = "multipart" in call.field("transfers", [])
    try:
        wanted = [(str(each["oid"]), int(each["size"])) for each in call.field("objects", [])]
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(400, f"an object without oid and size: {error!r}") from error
    objects = [_instructions(call, oid, size, multipart) for oid, size in wanted]
    content = {"transfer": "basic", "objects": objects, "hash_algo": "sha256"}
    return JSONResponse(content, media_type=LFS_TYPE)


async def put_object(request: Request) -> Response:
    """One object in one PUT; the address authorises."""
    uploads: Uploads = request.scope["hub"].store.uploads
    upload = uploads.get(request.path_params["token"])
    file, sha256 = await _receive(request, limit=upload.size)
    await run_in_threadpool(uploads.finish, upload, file, sha256)
    return Response(headers={"ETag": f'"{sha256}"'})


async def put_part(request: Request) -> Response:
    """One part of a multipart upload."""
    uploads: Uploads = request.scope["hub"].store.uploads
    upload = uploads.get(request.path_params["token"])
    file, sha256 = await _receive(request, limit=upload.part_bytes or upload.size)
    uploads.add_part(upload, request.path_params["number"], file, f'"{sha256}"')
    return Response(headers={"ETag": f'"{sha256}"'})


def complete(call: Call) -> Answer:
    """Join the parts of a multipart upload."""
    uploads = call.store.uploads
    upload = uploads.get(call.part("token"))
    try:
        parts = [(int(each["partNumber"]), str(each["etag"])) for each in call.field("parts", [])]
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(400, f"a part without partNumber and etag: {error!r}") from error
    uploads.complete(upload, parts)
    return {}


def verify(call: Call) -> Answer:
    """200 if the object is stored with the size that the client expects."""
    call.user()
    oid, size = call.text("oid"), call.field("size")
    found = call.store.blobs.size(oid) if is_sha256(oid) else None
    if found is None:
        raise Refusal(404, f"object {oid} is not stored")
    if found != size:
        raise Refusal(422, f"object {oid} has {found} bytes, not {size}")
    return {}


def no_xet(call: Call) -> Answer:
    """There is no Xet here; the text says what to set."""
    raise Refusal(404, XET_REMEDY)


def _text(call: Call, tree: Tree, field: str, path: str) -> str:
    """A file's text as the request brings it, else as the branch holds it."""
    brought = call.field(field)
    if isinstance(brought, str):
        return brought
    entry = tree.get(path)
    return call.store.blobs.read(entry.sha256).decode() if entry else ""


def _described(files: list[Any]) -> list[tuple[str, int, bytes]]:
    """Path, size and first bytes of each file in a preupload body."""
    try:
        return [
            (str(each["path"]), int(each["size"]), base64.b64decode(each.get("sample") or ""))
            for each in files
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refusal(400, f"a file without path, size and sample: {error!r}") from error


def _instructions(call: Call, oid: str, size: int, multipart: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"oid": oid, "size": size}
    if not is_sha256(oid):
        return answer | {"error": {"code": 422, "message": f"{oid!r} is no sha256"}}
    if call.store.blobs.size(oid) == size:
        return answer
    upload = call.store.uploads.start(oid, size, multipart=multipart)
    verify_action = {"href": f"{call.base}/lfs/verify"}
    return answer | {"actions": {"upload": _action(call.base, upload), "verify": verify_action}}


def _action(base: str, upload: Upload) -> dict[str, Any]:
    address = f"{base}/lfs/upload/{upload.token}"
    if upload.part_bytes is None:
        return {"href": address}
    numbers = range(1, upload.part_count + 1)
    header = {f"{number:05d}": f"{address}/{number}" for number in numbers}
    header["chunk_size"] = str(upload.part_bytes)
    return {"href": f"{address}/complete", "header": header}


async def _receive(request: Request, *, limit: int) -> tuple[Path, str]:
    """Stream the body to a temporary file; its path and sha256. 413 beyond ``limit`` bytes."""
    file: Path = request.scope["hub"].store.blobs.temporary()
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("wb") as target:
            write: Callable[[bytes], object] = target.write
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise Refusal(413, f"more than the {limit} bytes that were announced")
                digest.update(chunk)
                write(chunk)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return file, digest.hexdigest()
