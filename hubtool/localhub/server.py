"""Starting and finding a local Hub."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from hubtool.errors import ServingFailed
from hubtool.localhub.faults import Fault, require_routes
from hubtool.localhub.refusal import RootBusy
from hubtool.localhub.serving import START_SECONDS, Serving, listen, serve
from hubtool.localhub.store import DEFAULT_USER, Store
from hubtool.records import write_whole

if TYPE_CHECKING:
    from hubtool.localhub.app import Hub, LoggedRequest

SERVER_FILE = "server.json"
TOKEN_FILE = "token"  # the default user's; the client takes it as HF_TOKEN_PATH
PROBE_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class ServerInfo:
    """A running server: what ``server.json`` tells, and the default user's token."""

    pid: int
    url: str
    token: str


class RunningHub:
    """A local Hub that serves in a thread of this process."""

    def __init__(self, hub: Hub, serving: Serving) -> None:
        self.hub = hub
        self.url = serving.url
        self.token = hub.store.accounts.token_of(DEFAULT_USER)
        self._serving = serving

    @property
    def store(self) -> Store:
        """The content, for seeding and reading."""
        return self.hub.store

    @property
    def faults(self) -> list[Fault]:
        """The faults in force; change the list while the server runs."""
        return self.hub.faults

    @property
    def log(self) -> list[LoggedRequest]:
        """Every request so far, in the order in which they ended."""
        return self.hub.log

    @property
    def unknown(self) -> list[str]:
        """Requests that no route answers, as ``METHOD path``."""
        return self.hub.unknown

    def stop(self) -> None:
        """Stop serving and let the root go; a second call does nothing."""
        if not self._serving.alive:
            return
        self._serving.stop()
        (self.store.root / SERVER_FILE).unlink(missing_ok=True)
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_local_hub(
    root: Path, *, port: int = 0, faults: Sequence[Fault] = (), open_namespaces: bool = True
) -> RunningHub:
    """A running Hub on 127.0.0.1 with its content under ``root``; port 0 picks a free one.

    Raises RootBusy if the root is in use, ServingFailed if the port is taken,
    ManifestInvalid for a fault on a route that does not exist.
    """
    from hubtool.localhub.app import Hub, LocalHubApp, route_names

    require_routes(faults, route_names())
    store = Store(root, open_namespaces=open_namespaces)
    try:
        listener = listen(port)
    except ServingFailed:
        store.close()
        raise
    hub = Hub(store, list(faults))
    running = RunningHub(hub, serve(LocalHubApp(hub), listener, name="local-hub"))
    _announce(root, ServerInfo(os.getpid(), running.url, running.token))
    return running


@contextmanager
def joined_hub(root: Path) -> Iterator[tuple[str, str]]:
    """Address and token of the Hub that serves ``root``: the running one, else one of our own.

    A Hub that was started for this is stopped at the end.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        info = server_info(root)
        if info is not None:
            yield info.url, info.token
            return
        try:
            own = start_local_hub(root)
        except RootBusy:  # by a server that is just starting or stopping
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
            continue
        with own:
            yield own.url, own.token
            return


def server_info(root: Path) -> ServerInfo | None:
    """Process, address and token of the Hub that serves ``root``, None if none answers."""
    try:
        told = json.loads((root / SERVER_FILE).read_text(encoding="utf-8"))
        token = (root / TOKEN_FILE).read_text(encoding="utf-8").strip()
        info = ServerInfo(told["pid"], told["url"], token)
        os.kill(info.pid, 0)
    except (FileNotFoundError, ValueError, KeyError, TypeError, ProcessLookupError):
        return None
    except PermissionError:  # the process lives, under another user
        pass
    return info if _answers(info) else None


def _answers(info: ServerInfo) -> bool:
    """Whether the server there accepts the token of this root: a reused port would not."""
    connection = http.client.HTTPConnection(urlsplit(info.url).netloc, timeout=PROBE_SECONDS)
    try:
        headers = {"Authorization": f"Bearer {info.token}"}
        connection.request("GET", "/api/whoami-v2", headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _announce(root: Path, info: ServerInfo) -> None:
    token_path = root / TOKEN_FILE
    token_path.touch(mode=0o600)
    token_path.write_text(info.token, encoding="utf-8")
    told = {"pid": info.pid, "url": info.url}
    write_whole(root / SERVER_FILE, json.dumps(told) + "\n")
