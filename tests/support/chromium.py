"""A headless Chromium that a test drives through its debugging pipe: no driver, no download."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_COMMANDS, _ANSWERS = 3, 4  # the descriptors that Chromium reads from and writes to
_FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"),
    *("--disable-extensions", "--disable-background-networking", "--disable-dev-shm-usage"),
    "--no-sandbox",  # in a container there is no user namespace for it
    "--proxy-server=direct://",
)
# Chromium takes its pipe by number; the child puts both ends there before it becomes Chromium
_LAUNCH = (
    "import fcntl, os, sys\n"
    "spare = [fcntl.fcntl(int(end), fcntl.F_DUPFD_CLOEXEC, 10) for end in sys.argv[1:3]]\n"
    f"os.dup2(spare[0], {_COMMANDS}); os.dup2(spare[1], {_ANSWERS})\n"
    "os.execv(sys.argv[3], sys.argv[3:])\n"
)


class Chromium:
    """A browser with one page open."""

    def __init__(self, profile: Path) -> None:
        assert PROGRAM is not None
        reads, self._to = os.pipe()
        self._from, writes = os.pipe()
        inherited = [reads, writes]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _LAUNCH, *map(str, inherited), PROGRAM),
                *(*_FLAGS, f"--user-data-dir={profile}", "about:blank"),
            ],
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in inherited:
            os.close(end)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session: str | None = None
        self.messages: list[dict[str, Any]] = []  # every event so far
        self._attach()

    def visit(self, url: str) -> None:
        """Open the page and wait until it has loaded."""
        self.messages.clear()
        self.send("Page.navigate", url=url)
        self.wait_for_event("Page.loadEventFired")

    def look(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """The size of the window in CSS pixels, and the scheme that the person prefers."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.send("Emulation.setScrollbarsHidden", hidden=True)  # as on a telephone or a Mac
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, expression: str, seconds: float = 10.0) -> None:
        """Return as soon as the expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"not true after {seconds} s: {expression}"
            time.sleep(0.05)

    def screenshot(self, file: Path, *, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page; also written to ``file``."""
        answer = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        content = base64.b64decode(answer["data"])
        file.write_bytes(content)
        return content

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command of the DevTools protocol."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer}"
                result: dict[str, Any] = answer["result"]
                return result

    def wait_for_event(self, name: str) -> None:
        """Return when an event of that name has come since the last :meth:`visit`."""
        while not any(message["method"] == name for message in self.messages):
            self._receive()

    def close(self) -> None:
        """End the browser and all its processes."""
        self._session = None
        self.send("Browser.close")
        self._process.wait(timeout=10)
        os.close(self._to)
        os.close(self._from)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _attach(self) -> None:
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        answer = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = answer["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _receive(self, seconds: float = 20.0) -> dict[str, Any]:
        """The next message; events are kept in ``messages``."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], seconds)
            assert ready, f"Chromium said nothing for {seconds} s"
            data = os.read(self._from, 1 << 20)
            assert data, "Chromium has ended"
            self._buffer += data
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        if "method" in message:
            self.messages.append(message)
        return message
