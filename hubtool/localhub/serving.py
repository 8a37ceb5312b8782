"""Serving an ASGI application in a thread of this process, on 127.0.0.1 alone."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

from hubtool.errors import ServingFailed

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

HOST = "127.0.0.1"
START_SECONDS = 10.0
STOP_SECONDS = 5.0


class Serving:
    """An application that is being served at ``url``."""

    def __init__(self, server: uvicorn.Server, thread: threading.Thread, url: str) -> None:
        self.url = url
        self._server = server
        self._thread = thread

    @property
    def alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def stop(self) -> bool:
        """Stop serving; open answers get a second to end. False if one is still under way."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        return not self._thread.is_alive()


def listen(port: int) -> socket.socket:
    """A socket bound to ``port``, a free one for 0. Raises ServingFailed if it is taken."""
    # asyncio turns Nagle's algorithm (40 ms a request) off only where the protocol is named
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ServingFailed(
            f"port {port} on {HOST} cannot be used: {error.strerror}", "choose another --port"
        ) from error
    return listener


def serve(app: ASGIApp, listener: socket.socket, *, name: str) -> Serving:
    """``app`` on ``listener``, once it answers; ``name`` is the thread's. Raises ServingFailed."""
    import uvicorn

    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name=name, daemon=True
    )
    thread.start()
    _await_start(server, thread, name)
    return Serving(server, thread, f"http://{HOST}:{listener.getsockname()[1]}")


def _await_start(server: uvicorn.Server, thread: threading.Thread, name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ServingFailed(f"{name} did not start to serve", "run the same command again")
        time.sleep(0.005)
