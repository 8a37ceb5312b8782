"""The ASGI application: routes on the raw path, faults, the log, and errors in the Hub's form."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import struct
import uuid
from typing import Any, NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubtool.localhub.faults import Fault, choose
from hubtool.localhub.refusal import Refusal
from hubtool.localhub.store import Store

SLOW_STEPS_PER_SECOND = 10
UNKNOWN = "unknown"


class LoggedRequest(NamedTuple):
    """One request as it went: sizes are of the bodies; status 0 means that no answer was sent."""

    method: str
    path: str
    status: int
    bytes_received: int
    bytes_sent: int
    authorised: bool


@dataclasses.dataclass
class Hub:
    """What the routes share. Page sizes are the live Hub's; a test may make them small."""

    store: Store
    faults: list[Fault] = dataclasses.field(default_factory=list)
    log: list[LoggedRequest] = dataclasses.field(default_factory=list)
    unknown: list[str] = dataclasses.field(default_factory=list)  # "METHOD path" of unknown routes
    list_page: int = 1000
    tree_page: int = 1000
    expanded_page: int = 50
    commits_page: int = 1000


def all_routes() -> list[BaseRoute]:
    """Every route, the special before the general."""
    from hubtool.localhub.page import page_routes
    from hubtool.localhub.routes import (
        branches,
        collections,
        commits,
        discussions,
        files,
        identity,
        info,
        oauth,
        repos,
        trees,
        uploads,
        validate,
    )

    families = (
        validate,
        oauth,
        collections,
        repos,
        identity,
        uploads,
        commits,
        branches,
        discussions,
    )
    found: list[BaseRoute] = []
    for family in (*families, trees, files, info):
        found += family.routes()
    return found + list(page_routes())


def route_names() -> set[str]:
    """The names that a fault may be aimed at."""
    return {route.name for route in all_routes() if isinstance(route, Route)}


class _Dropped(BaseException):
    """The connection is to be cut; not an Exception, so that nothing answers it."""


@dataclasses.dataclass
class _Traffic:
    """One request while it runs: counts, and the doors that a fault narrows.

    It enters the log before its last byte leaves, so that whoever has the
    answer finds the entry.
    """

    scope: Scope
    inner_receive: Receive
    inner_send: Send
    fault: Fault | None
    log: list[LoggedRequest]
    received: int = 0
    sent: int = 0
    announced: int = -1  # Content-Length of the answer
    status: int = 0
    logged: bool = False

    def record(self) -> None:
        """Enter the request into the log, once."""
        if not self.logged:
            self.logged = True
            numbers = (self.status, self.received, self.sent)
            who = self.scope["method"], self.scope["path"]
            self.log.append(LoggedRequest(*who, *numbers, self.scope["authorised"]))

    async def receive(self) -> Message:
        """The next piece of the request's body."""
        message = await self.inner_receive()
        size = len(message.get("body", b""))
        self.received += size
        if self.fault and self.fault.slow:
            await asyncio.sleep(size / self.fault.slow)
        if self.fault and self.fault.drop is not None and self.received >= self.fault.drop:
            raise _Dropped
        return message

    async def send(self, message: Message) -> None:
        """The next piece of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            _stamp(self.scope, message)
            length = Headers(raw=message["headers"]).get("content-length", "-1")
            self.announced = -1 if self.scope["method"] == "HEAD" else int(length)
        if self.fault and self.fault.lost:
            return
        body: bytes = message.get("body", b"")
        if self.fault and self.fault.truncate is not None:
            left = self.fault.truncate - self.sent
            if len(body) >= left and message["type"] == "http.response.body":
                await self._pass_on({**message, "body": body[:left], "more_body": True})
                raise _Dropped
        await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        speed = self.fault.slow if self.fault else 0
        body: bytes = message.get("body", b"")
        if speed and body:
            step = max(1, speed // SLOW_STEPS_PER_SECOND)
            while len(body) > step:
                await asyncio.sleep(step / speed)
                await self._deliver({**message, "body": body[:step], "more_body": True})
                body = body[step:]
            await asyncio.sleep(len(body) / speed)
            message = {**message, "body": body}
        await self._deliver(message)

    async def _deliver(self, message: Message) -> None:
        self.sent += len(message.get("body", b""))
        is_last = message["type"] == "http.response.body" and not message.get("more_body")
        if is_last or self.sent == self.announced > 0:
            self.record()
        await self.inner_send(message)


class LocalHubApp:
    """The outermost ASGI callable."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._router = Router(all_routes(), redirect_slashes=False, default=self._unknown)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; lifespan messages are acknowledged by the router."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        # percent-encoded slashes inside a revision must not look like path separators
        path = scope["raw_path"].decode("ascii")
        scope = {**scope, "path": path, "hub": self._hub, "authorised": False}
        name = self._name(scope)
        fault = choose(self._hub.faults, name, scope["method"], path)
        traffic = _Traffic(scope, receive, send, fault, self._hub.log)
        try:
            await self._serve(scope, traffic, self._unknown if name is UNKNOWN else self._router)
        except _Dropped:
            traffic.status = traffic.status if traffic.sent else 0
            traffic.record()
            await _cut(send, reset=fault is None or fault.truncate is None or fault.reset)
        except ClientDisconnect:
            pass
        finally:
            traffic.record()

    async def _serve(self, scope: Scope, traffic: _Traffic, routed: ASGIApp) -> None:
        fault = traffic.fault
        if fault and fault.latency:
            await asyncio.sleep(fault.latency)
        while fault and fault.struck < fault.together:
            await asyncio.sleep(0.02)
        if fault and fault.drop == 0:
            raise _Dropped
        try:
            if fault and fault.status:
                await _drain(traffic)
                raise Refusal(fault.status, fault.message, headers=fault.headers)
            await routed(scope, traffic.receive, traffic.send)
        except Refusal as refusal:
            await _refuse(scope, traffic, refusal)
        except HTTPException as error:
            await _refuse(scope, traffic, Refusal(error.status_code, error.detail))
        if fault and fault.lost:
            raise _Dropped

    def _name(self, scope: Scope) -> str:
        for route in self._router.routes:
            if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
                return route.name
        return UNKNOWN

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._hub.unknown.append(f"{scope['method']} {scope['path']}")
        raise Refusal(404, f"the local Hub has no route {scope['method']} {scope['path']}")


async def _drain(traffic: _Traffic) -> None:
    """Read the body before refusing, so that a client still sending sees the answer."""
    while (await traffic.receive()).get("more_body"):
        pass


async def _refuse(scope: Scope, traffic: _Traffic, refusal: Refusal) -> None:
    # a header cannot hold line ends or other letters than latin-1
    line = " ".join(refusal.message.split()).encode("ascii", "replace").decode()
    headers = {"X-Error-Message": line, **refusal.headers}
    if refusal.code:
        headers["X-Error-Code"] = refusal.code
    content: dict[str, Any] = {"error": refusal.message, **refusal.body}
    response = JSONResponse(content, status_code=refusal.status, headers=headers)
    await response(scope, traffic.receive, traffic.send)


def _stamp(scope: Scope, message: Message) -> None:
    """Echo the request's id: the client prints it in errors."""
    sent = Headers(scope=scope)
    identity = sent.get("x-request-id") or sent.get("x-amzn-trace-id") or str(uuid.uuid4())
    MutableHeaders(scope=message).setdefault("x-request-id", identity)


async def _cut(send: Send, *, reset: bool) -> None:
    """Close the connection in the middle: with RST, or after what was sent with FIN."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    if not reset:
        transport.close()
    else:
        connection = transport.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    await asyncio.sleep(0.01)  # let the server note that the connection is gone
