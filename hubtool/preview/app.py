"""The preview as a web application: the page, the files that it shows, and its events."""

from __future__ import annotations

import asyncio
import mimetypes
import secrets
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from hubtool.errors import HubtoolError
from hubtool.localhub.serving import HOST, Serving, listen, serve
from hubtool.preview.page import preview_page
from hubtool.preview.source import README, PreviewSource

if TYPE_CHECKING:
    from starlette.requests import Request

POLL_SECONDS = 0.3
KEEP_ALIVE_POLLS = 20  # a line now and then tells whether anybody still listens
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILE_POLICY = "default-src 'none'; sandbox"


class RunningPreview:
    """A preview that is being served at ``url``."""

    def __init__(self, serving: Serving, stopping: threading.Event) -> None:
        self.url = serving.url
        self._serving = serving
        self._stopping = stopping

    def stop(self) -> bool:
        """Stop serving; the streams of open pages end. False if a read is still under way."""
        self._stopping.set()
        return self._serving.stop()


def start_preview(source: PreviewSource, *, port: int = 0) -> RunningPreview:
    """The page of ``source`` on 127.0.0.1; port 0 picks a free one. Raises ServingFailed."""
    stopping = threading.Event()
    serving = serve(preview_app(source, stopping), listen(port), name="card-preview")
    return RunningPreview(serving, stopping)


def preview_app(source: PreviewSource, stopping: threading.Event) -> Starlette:
    """The application; its event streams end when ``stopping`` is set.

    It answers requests for this machine only, so that no web page can reach the
    folder by a host name of its own that leads here.
    """

    def page(_: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        html, status = preview_page(source, nonce)
        policy = {"Content-Security-Policy": _PAGE_POLICY.format(nonce=nonce)}
        return HTMLResponse(html, status, {**_HEADERS, **policy})

    def file(request: Request) -> Response:
        return _file(source, request.path_params["path"])

    async def events(request: Request) -> Response:
        changes = _changes(source, request.query_params.get("seen", ""), stopping)
        return StreamingResponse(changes, headers=_HEADERS, media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/", page),
            Route("/resolve/main/{path:path}", file),
            Route("/events", events),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
    )


def _file(source: PreviewSource, path: str) -> Response:
    headers = {**_HEADERS, "Content-Security-Policy": _FILE_POLICY}
    try:
        card = source.card().text if path == README else None
        if card is None and not source.serves(path):
            return PlainTextResponse("The preview does not serve this.\n", 404, headers)
        content = source.read(path) if card is None else card.encode()
    except HubtoolError as error:
        return PlainTextResponse(f"{error.message}\n", 500, headers)
    kind = mimetypes.guess_type(path)[0] or ""
    if not kind.startswith("image/"):
        kind = "application/octet-stream" if b"\0" in content else "text/plain; charset=utf-8"
    return Response(content, headers=headers, media_type=kind)


async def _changes(
    source: PreviewSource, seen: str, stopping: threading.Event
) -> AsyncIterator[str]:
    """``reload`` for every change from ``seen`` on, as server-sent events."""
    polls = 0
    while not stopping.is_set():
        stamp = await run_in_threadpool(source.stamp)
        if stamp != seen:
            seen = stamp
            yield "data: reload\n\n"
        elif polls % KEEP_ALIVE_POLLS == 0:
            yield ": still here\n\n"
        polls += 1
        await asyncio.sleep(POLL_SECONDS)
