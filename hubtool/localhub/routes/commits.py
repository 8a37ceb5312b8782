"""The commit endpoint: one NDJSON body, checked line by line, becomes one commit."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import string
from collections.abc import Iterable
from typing import Any

from starlette.routing import Route

from hubtool.localhub.blobs import is_sha256
from hubtool.localhub.call import API, Answer, Call, api
from hubtool.localhub.refusal import Refusal, no_revision
from hubtool.localhub.repositories import Repo
from hubtool.localhub.trees import (
    REGULAR_LIMIT_BYTES,
    Delete,
    Operation,
    Put,
    apply,
    large,
    regular,
    require_path,
)
from hubtool.localhub.validate import validate_card

CARD = "README.md"


def routes() -> list[Route]:
    """The routes of this family."""
    return [
        api(
            f"{API}/commit/{{revision:part}}",
            commit,
            name="commit",
            methods=["POST"],
            body="lines",
        )
    ]


@dataclasses.dataclass(frozen=True)
class Request:
    """What a commit body asks for."""

    title: str
    message: str
    parent: str | None
    operations: list[Operation]


def commit(call: Call) -> Answer:
    """Make the commit, on a branch or, with ``create_pr``, as a new pull request."""
    if call.flag("create_pr"):
        repo, author = call.repo("files"), call.user()
        request = _parse(call, call.body)
        return _as_pull_request(call, repo, author, request)
    repo, author = call.repo("write"), call.user()
    request = _parse(call, call.body)
    ref = _ref(call, repo, call.part("revision"))
    with call.store.transaction():
        oid = call.store.history.add(
            repo,
            ref,
            request.operations,
            title=request.title,
            message=request.message,
            author=author,
            expected=request.parent,
        )
        if ref.startswith("refs/pr/"):
            num = int(ref.rsplit("/", 1)[1])
            call.store.discussions.note_commit(repo, num, oid, request.title, author)
    return _answer(call, repo, oid)


def _as_pull_request(call: Call, repo: Repo, author: str, request: Request) -> Answer:
    history, discussions = call.store.history, call.store.discussions
    base = history.resolve(repo, request.parent or call.part("revision"))
    with call.store.transaction():
        tree = apply(history.tree(repo, base), request.operations, base)
        pull = discussions.open(
            repo, title=request.title, description=request.message, author=author, base=base
        )
        oid = history.write(
            repo,
            pull.ref,
            tree,
            parent=base,
            title=request.title,
            message=request.message,
            author=author,
        )
        discussions.note_commit(repo, pull.num, oid, request.title, author)
    page = f"{call.base}{repo.page}/discussions/{pull.num}"
    return _answer(call, repo, oid) | {"pullRequestUrl": page}


def _answer(call: Call, repo: Repo, oid: str) -> dict[str, Any]:
    url = f"{call.base}{repo.page}/commit/{oid}"
    return {"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""}


def _ref(call: Call, repo: Repo, revision: str) -> str:
    """The branch or pull request that a revision names."""
    refs = call.store.history.refs(repo)
    for ref in (f"refs/heads/{revision}", revision):
        if ref in refs and not ref.startswith("refs/tags/"):
            return ref
    raise no_revision(revision)


def _parse(call: Call, lines: Iterable[bytes]) -> Request:
    """Every line checked, contents of regular files stored; nothing is visible yet."""
    header: dict[str, Any] | None = None
    operations: list[Operation] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            key, value = item["key"], item["value"]
            if key == "header":
                header = value
            else:
                operations.append(_OPERATIONS[key](call, value))
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(400, f"line {number} of the commit is not valid: {error!r}") from error
    if header is None or not header.get("summary"):
        raise Refusal(400, '"summary" is required')
    parent = header.get("parentCommit")
    if parent is not None and not (len(parent) >= 5 and set(parent) <= set(string.hexdigits)):
        raise Refusal(400, f'"parentCommit" is no commit id: {parent!r}')
    return Request(header["summary"], header.get("description") or "", parent, operations)


def _file(call: Call, value: dict[str, Any]) -> Operation:
    path = value["path"]
    require_path(path)
    content = value["content"]
    if value.get("encoding") == "base64":
        try:
            data = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise Refusal(400, f"{path}: the content is not base64") from error
    else:
        data = content.encode()
    if len(data) > REGULAR_LIMIT_BYTES:
        raise Refusal(
            400, f"{path}: {len(data)} bytes; files from {REGULAR_LIMIT_BYTES} bytes on go by LFS"
        )
    if path == CARD:
        _require_card(data)
    return Put(regular(path, call.store.blobs.add_bytes(data), data))


def _lfs_file(call: Call, value: dict[str, Any]) -> Operation:
    path, oid = value["path"], value["oid"]
    require_path(path)
    size = call.store.blobs.size(oid) if is_sha256(oid) else None
    if size is None or value.get("size", size) != size:
        raise Refusal(400, f"LFS pointer pointed to a file that does not exist: {path} (oid {oid})")
    return Put(large(path, oid, size))


def _deleted_file(call: Call, value: dict[str, Any]) -> Operation:
    return Delete(value["path"])


def _deleted_folder(call: Call, value: dict[str, Any]) -> Operation:
    return Delete(value["path"], folder=True)


_OPERATIONS = {
    "file": _file,
    "lfsFile": _lfs_file,
    "deletedFile": _deleted_file,
    "deletedFolder": _deleted_folder,
}


def _require_card(data: bytes) -> None:
    try:
        verdict = validate_card(data.decode())
    except UnicodeDecodeError as error:
        raise Refusal(400, f"{CARD} is not UTF-8: {error}") from error
    if verdict.errors:
        raise Refusal(400, "\n".join(verdict.errors))
