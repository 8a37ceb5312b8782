"""Which Hub a command talks to, and the child process that ``--hub local`` needs.

huggingface_hub reads its endpoint, cache and Xet switch when it is imported,
so a rehearsal runs the whole command again in a child process whose
environment knows only the local Hub: the user's token and cache stay out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from hubtool.console import Console
from hubtool.errors import InterruptedRun, ManifestInvalid

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient

_CHILD_URL = "HUBTOOL_LOCAL_HUB_URL"
_CHILD_LIFELINE = "HUBTOOL_LIFELINE_FD"


def local_hub_root(hub: str = "local") -> Path:
    """Folder of the local Hub: ``local:DIR``, else ``HUBTOOL_LOCAL_HUB``, else the data folder."""
    named = hub.partition(":")[2] or os.environ.get("HUBTOOL_LOCAL_HUB")
    if named:
        return Path(named).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "hubtool" / "hub"


def open_hub(hub: str | None, console: Console, *, patience_seconds: float = 0.0) -> HubClient:
    """The client for this command; ``patience_seconds`` of retries where the user named none.

    For ``local`` in the first process this starts the Hub (or joins one that
    is running), runs the same command in a child, and exits with its code.
    Raises ManifestInvalid for what is neither ``local`` nor an address.
    """
    if hub is not None:
        _require_hub(hub)
    inherited = os.environ.get(_CHILD_URL)
    if inherited:
        _die_with_parent()
        return _client(inherited, console, patience_seconds)
    if hub is not None and (hub == "local" or hub.startswith("local:")):
        raise typer.Exit(_run_on_local_hub(local_hub_root(hub), console))
    if hub is not None:
        # read by huggingface_hub at its import, which has not happened yet
        os.environ["HF_ENDPOINT"] = hub.rstrip("/")
        if urlsplit(hub).hostname in ("127.0.0.1", "localhost", "::1"):
            os.environ.update(_loopback_settings())
    return _client(hub, console, patience_seconds)


def _require_hub(hub: str) -> None:
    """Raise ManifestInvalid unless ``hub`` is ``local``, ``local:DIR`` or an http(s) address."""
    try:
        address = urlsplit(hub)
        known = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:  # a port that is no number
        known = False
    if not (known or hub == "local" or (hub.startswith("local:") and hub != "local:")):
        raise ManifestInvalid(
            f"--hub {hub!r} names no Hub",
            "write --hub local, --hub local:DIR, or an address http(s)://...",
        )


def _client(endpoint: str | None, console: Console, patience_seconds: float) -> HubClient:
    from hubtool.hub.client import HubClient
    from hubtool.hub.retry import RetryPolicy

    retry = RetryPolicy.from_environment(at_least=patience_seconds)
    return HubClient(endpoint=endpoint, console=console, retry=retry)


def _loopback_settings() -> dict[str, str]:
    return {"HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1"}


def _run_on_local_hub(root: Path, console: Console) -> int:
    from hubtool.localhub.server import joined_hub

    with joined_hub(root) as (url, token):
        console.note(f"local Hub at {url} (kept in {root})")
        read_end, write_end = os.pipe()
        child = subprocess.Popen(
            [sys.executable, "-m", "hubtool", *sys.argv[1:]],
            env=_child_environment(root, url, token, read_end),
            pass_fds=(read_end,),
        )
        os.close(read_end)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        try:
            return _exit_code(child.wait())
        except KeyboardInterrupt:
            return _exit_code(child.wait())  # the terminal sent it Ctrl-C as well
        finally:
            os.close(write_end)


def _child_environment(root: Path, url: str, token: str, lifeline: int) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HF_HUB_OFFLINE", "HF_OIDC_RESOURCE", "HUGGING_FACE_HUB_TOKEN")
    }
    return {
        **kept,
        **_loopback_settings(),
        "HF_ENDPOINT": url,
        "HF_TOKEN": token,
        "HF_HOME": str(root / "client"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        _CHILD_URL: url,
        _CHILD_LIFELINE: str(lifeline),
    }


def _exit_code(returned: int) -> int:
    return returned if returned >= 0 else InterruptedRun.exit_code


def _die_with_parent() -> None:
    """End this process when the one that serves the Hub is gone, even by ``kill -9``.

    The parent holds the other end of a pipe; reading ends when it dies.
    """
    descriptor = os.environ.pop(_CHILD_LIFELINE, None)
    if descriptor is None:
        return

    def watch() -> None:
        os.read(int(descriptor), 1)
        os._exit(InterruptedRun.exit_code)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()
