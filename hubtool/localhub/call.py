"""One request as the route functions see it, and how they become ASGI endpoints."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from collections.abc import Awaitable, Callable
from typing import IO, TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, unquote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hubtool.localhub.accounts import ANONYMOUS, Caller
from hubtool.localhub.refusal import Refusal, no_repo

if TYPE_CHECKING:
    from hubtool.localhub.app import Hub
    from hubtool.localhub.repositories import Repo
    from hubtool.localhub.store import Store

Need = Literal["sight", "files", "write", "admin"]
BodyKind = Literal["none", "json", "form", "lines"]
SPOOL_BYTES = 8_000_000  # a longer commit body waits on disk
BAD_TOKEN = "Invalid credentials in Authorization header"


class _Decoded(Convertor[str]):
    """Path parameters: routes see the raw path, functions the value decoded once."""

    regex = r"[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value)

    def to_string(self, value: str) -> str:
        return value


class _Rest(_Decoded):
    regex = r".+"


class _Types(_Decoded):
    regex = r"models|datasets|spaces|kernels"

    def convert(self, value: str) -> str:
        return value.removesuffix("s")


class _Prefix(_Types):
    regex = r"datasets|spaces|kernels"


register_url_convertor("part", _Decoded())
register_url_convertor("rest", _Rest())
register_url_convertor("types", _Types())
register_url_convertor("prefix", _Prefix())

API = "/api/{type:types}/{namespace:part}/{name:part}"


@dataclasses.dataclass(frozen=True)
class Call:
    """A request with its caller known and its body read."""

    hub: Hub
    request: Request
    caller: Caller
    body: Any

    @property
    def store(self) -> Store:
        """The hub's content."""
        return self.hub.store

    @property
    def base(self) -> str:
        """The address that the client used, without a slash at the end."""
        return f"http://{self.request.headers.get('host', '127.0.0.1')}"

    def part(self, name: str) -> str:
        """A decoded part of the path."""
        return str(self.request.path_params[name])

    def flag(self, name: str) -> bool:
        """A boolean query parameter in any of the clients' spellings."""
        return self.request.query_params.get(name, "").lower() in ("1", "true")

    def values(self, name: str) -> list[str]:
        """A repeated query parameter, with or without ``[]``."""
        query = self.request.query_params
        return [*query.getlist(name), *query.getlist(f"{name}[]")]

    def field(self, name: str, default: Any = None) -> Any:
        """A field of a JSON object body; ``default`` if the body lacks it."""
        return self.body.get(name, default) if isinstance(self.body, dict) else default

    def text(self, name: str) -> str:
        """A field that must be a non-empty string; 400 otherwise."""
        value = self.field(name)
        if not isinstance(value, str) or not value.strip():
            raise Refusal(400, f'"{name}" is required and must be a string')
        return value.strip()

    def user(self) -> str:
        """The caller's name; 401 for an anonymous one."""
        return self.store.accounts.require_user(self.caller)

    def repo(self, need: Need) -> Repo:
        """The repo that the path names, if the caller may do to it what is needed."""
        params = self.request.path_params
        repo_type = params.get("type", "model")
        repo_id = f"{params['namespace']}/{params['name']}"
        repo = self.store.repos.find(repo_id, repo_type)
        if repo is None:
            raise self._moved(repo_id, repo_type) or no_repo(repo_id)
        accounts = self.store.accounts
        demand = {
            "sight": accounts.require_sight,
            "files": accounts.require_files,
            "write": accounts.require_write,
            "admin": accounts.require_admin,
        }[need]
        demand(self.caller, repo)
        return repo

    def commit(self, repo: Repo) -> str:
        """The commit that the path's ``revision`` names; main without one."""
        revision = self.request.path_params.get("revision", "main")
        return self.store.history.resolve(repo, revision)

    def number(self, name: str, default: int) -> int:
        """A query parameter that is a number from 0 on; 400 for anything else."""
        text = self.request.query_params.get(name)
        if not text:
            return default
        if not re.fullmatch(r"\d{1,9}", text):
            raise Refusal(400, f'"{name}" must be a number, not {text!r}')
        return int(text)

    def page(self, items: list[Any], size: int) -> Response:
        """One page of a list, with a Link to the next if there is one."""
        query = self.request.query_params
        size = max(1, min(size, self.number("limit", size)))
        start = self.number("cursor", 0)
        response = JSONResponse(items[start : start + size])
        if start + size < len(items):
            others = [(key, value) for key, value in query.multi_items() if key != "cursor"]
            path = self.request.scope["path"]
            address = f"{self.base}{path}?{urlencode([*others, ('cursor', start + size)])}"
            response.headers["Link"] = f'<{address}>; rel="next"'
        return response

    def _moved(self, repo_id: str, repo_type: str) -> Refusal | None:
        new_id = self.store.repos.moved_to(repo_id, repo_type)
        if new_id is None:
            return None
        path: str = self.request.scope["path"]
        query = self.request.url.query
        address = path.replace(f"/{repo_id}", f"/{new_id}", 1) + (f"?{query}" if query else "")
        return Refusal(307, f"moved to {new_id}", headers={"Location": self.base + address})


Answer = Response | dict[str, Any] | list[Any]


def api(
    path: str,
    function: Callable[[Call], Answer],
    *,
    name: str,
    methods: list[str] | None = None,
    body: BodyKind = "none",
) -> Route:
    """A route whose function runs in a thread with a :class:`Call` and returns JSON-able data."""

    async def endpoint(request: Request) -> Response:
        hub: Hub = request.scope["hub"]
        content = await _read_body(request, body)
        try:
            call = Call(hub, request, caller_of(request), content)
            answer = await run_in_threadpool(function, call)
        finally:
            if body == "lines":
                content.close()
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return Route(path, endpoint, methods=methods or ["GET"], name=name)


def stream(
    path: str, endpoint: Callable[[Request], Awaitable[Response]], *, name: str, methods: list[str]
) -> Route:
    """A route whose coroutine reads the request's body or streams the answer by itself."""
    return Route(path, endpoint, methods=methods, name=name)


def caller_of(request: Request) -> Caller:
    """Who sends the request; 401 for a token that nobody has."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not token:
        return ANONYMOUS
    hub: Hub = request.scope["hub"]
    caller = hub.store.accounts.identify(token) if scheme.lower() == "bearer" else None
    if caller is None:
        raise Refusal(401, BAD_TOKEN)
    request.scope["authorised"] = True
    return caller


async def _read_body(request: Request, kind: BodyKind) -> Any:
    if kind == "none":
        return None
    if kind == "lines":
        return await _spool(request)
    raw = await request.body()
    if kind == "form" and "json" not in request.headers.get("content-type", ""):
        return parse_qs(raw.decode())
    try:
        return json.loads(raw) if raw else {}
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from error


async def _spool(request: Request) -> IO[bytes]:
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed by api()
    async for chunk in request.stream():
        spool.write(chunk)
    spool.seek(0)
    return spool
