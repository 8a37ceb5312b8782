"""One budget of requests and commits for all threads, so that a Hub need not refuse any.

Limits of a free account on the Hub, in its documentation of 2025: 1,000 API
calls and 5,000 downloads in five minutes. Commits were seen to stop at 128 an
hour. The defaults stay below.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from hubtool.errors import InterruptedRun
from hubtool.hub.retry import server_wait

Purse = Literal["api", "resolve", "commit"]

API_CALLS, RESOLVES, WINDOW_SECONDS = 900, 4500, 300.0
COMMITS, HOUR_SECONDS = 120, 3600.0


class RateBudget:
    """At most so many requests of a kind within its window; who asks for more waits.

    Zero commits an hour means no limit. Thread-safe.
    """

    def __init__(
        self,
        *,
        commits_per_hour: int = COMMITS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limits = {
            "api": (API_CALLS, WINDOW_SECONDS),
            "resolve": (RESOLVES, WINDOW_SECONDS),
            "commit": (commits_per_hour, HOUR_SECONDS),
        }
        self._spent: dict[str, collections.deque[float]] = collections.defaultdict(
            collections.deque
        )
        self._held: dict[str, float] = collections.defaultdict(float)  # until when
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Whoever waits, waits no longer: InterruptedRun is raised there."""
        self._stopped = True

    def spend(self, purse: Purse, *, ago_seconds: float = 0.0, wait: bool = True) -> None:
        """Take one of its kind, after waiting for it. ``ago_seconds``: it was taken then.

        Raises InterruptedRun if the run was stopped meanwhile.
        """
        while True:
            with self._lock:
                left = self._wait_for(purse) if wait else 0.0
                if left <= 0:
                    self._spent[purse].append(self._clock() - ago_seconds)
                    return
            if self._stopped:
                raise InterruptedRun("stopped", "run the same command again: it resumes")
            self._sleep(min(left, 1.0))

    def wait_for(self, purse: Purse) -> float:
        """Seconds until one more may be taken."""
        with self._lock:
            return self._wait_for(purse)

    def hold(self, purse: Purse, seconds: float) -> None:
        """Nobody takes any for so long: the Hub has said so."""
        with self._lock:
            self._held[purse] = max(self._held[purse], self._clock() + seconds)

    def seconds_for(self, purse: Purse, count: int) -> float:
        """How long ``count`` more take, if nothing else does."""
        limit, window = self._limits[purse]
        with self._lock:
            self._prune(purse)
            free = limit - len(self._spent[purse])
        return 0.0 if not limit or count <= free else -(-(count - free) // limit) * window

    def watch(self, session: Any) -> Callable[[], None]:
        """Count every request of an HTTP session; call what is returned to stop."""
        session.event_hooks["request"].append(self._on_request)
        session.event_hooks["response"].append(self._on_response)

        def stop() -> None:
            session.event_hooks["request"].remove(self._on_request)
            session.event_hooks["response"].remove(self._on_response)

        return stop

    def _on_request(self, request: Any) -> None:
        purse = purse_of(request.url.path)
        if purse:
            self.spend(purse)

    def _on_response(self, response: Any) -> None:
        headers: Mapping[str, str] = response.headers
        purse = purse_of(response.request.url.path)
        if purse and response.status_code == 429:
            self.hold(purse, server_wait(headers) or 1.0)

    def _wait_for(self, purse: Purse) -> float:
        limit, window = self._limits[purse]
        now = self._clock()
        held = self._held[purse] - now
        if not limit:
            return held
        self._prune(purse)
        spent = self._spent[purse]
        return max(held, spent[-limit] + window - now if len(spent) >= limit else 0.0)

    def _prune(self, purse: Purse) -> None:
        _, window = self._limits[purse]
        spent = self._spent[purse]
        while spent and spent[0] <= self._clock() - window:
            spent.popleft()


def purse_of(path: str) -> Purse | None:
    """What a request is paid from, by its path; None for what the Hub does not count."""
    if path.startswith("/api/"):
        return "api"
    return "resolve" if "/resolve/" in path else None
