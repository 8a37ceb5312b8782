"""One budget of requests and commits for all threads, so that a Hub need not refuse any.

Limits of a free account on the Hub, in its documentation of 2025: 1,000 API
calls and 5,000 downloads in five minutes. Commits were seen to stop at 128 an
hour. The defaults stay below; what the Hub's own RateLimit headers say goes before.
"""

from __future__ import annotations

import collections
import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from hubtool.errors import InterruptedRun
from hubtool.hub.endpoint import is_here
from hubtool.hub.retry import server_wait

Purse = Literal["api", "resolve", "commit"]

API_CALLS, RESOLVES, WINDOW_SECONDS = 900, 4500, 300.0
COMMITS, HOUR_SECONDS = 120, 3600.0
RESUME = "run the same command again: it goes on where it stopped"
SHARE = 0.9  # of a quota that the Hub names
ANSWER_SECONDS = 120.0  # the Hub itself gives a commit up after 60
LONG_SECONDS = 30.0  # from here on a wait is told
UNNAMED_WAIT_SECONDS = 1.0  # after a 429 that names none

_LEFT = re.compile(r"\br=(\d+).*?\bt=(\d+)")
_POLICY = re.compile(r"\bq=(\d+).*?\bw=(\d+)")


class RateBudget:
    """At most so many requests of a kind within its window; who asks for more waits.

    Limits of zero are none: a Hub on this machine. Thread-safe. ``tell`` is
    called with the purse and the seconds when a long wait begins, once for all who wait.
    """

    def __init__(
        self,
        *,
        api_calls: int = API_CALLS,
        resolves: int = RESOLVES,
        commits_per_hour: int = COMMITS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[Purse, float], None] | None = None,
    ) -> None:
        self._limits: dict[Purse, tuple[int, float]] = {
            "api": (api_calls, WINDOW_SECONDS),
            "resolve": (resolves, WINDOW_SECONDS),
            "commit": (commits_per_hour, HOUR_SECONDS),
        }
        self._spent: dict[Purse, collections.deque[float]] = collections.defaultdict(
            collections.deque
        )
        self._held: dict[Purse, float] = collections.defaultdict(float)  # until when
        self._told: dict[Purse, float] = collections.defaultdict(float)  # waits till then are told
        self._clock, self._sleep, self._tell = clock, sleep, tell
        self._lock = threading.Lock()
        self._stopped = False

    @classmethod
    def for_hub(
        cls,
        endpoint: str,
        commits_per_hour: int | None = None,
        tell: Callable[[Purse, float], None] | None = None,
    ) -> RateBudget:
        """The usual pace; a Hub on this machine has only the limits that it names itself."""
        if is_here(endpoint):
            return cls(api_calls=0, resolves=0, commits_per_hour=commits_per_hour or 0, tell=tell)
        commits = COMMITS if commits_per_hour is None else commits_per_hour
        return cls(commits_per_hour=commits, tell=tell)

    def stop(self) -> None:
        """Whoever waits, waits no longer: InterruptedRun is raised there."""
        self._stopped = True

    def spend(self, purse: Purse, *, ago_seconds: float = 0.0, wait: bool = True) -> None:
        """Take one of its kind, after waiting for it. ``ago_seconds``: it was taken then.

        Raises InterruptedRun if the run was stopped meanwhile; what is being
        sent may still ask, but no new commit begins.
        """
        while True:
            if self._stopped and purse == "commit":
                raise InterruptedRun("stopped", RESUME)
            with self._lock:
                left = self._wait_for(purse) if wait else 0.0
                if left <= 0:
                    if self._limits[purse][0]:
                        self._spent[purse].append(self._clock() - ago_seconds)
                    return
                fresh = left >= LONG_SECONDS and self._told[purse] < self._clock()
                if fresh:
                    self._told[purse] = self._clock() + left
            if fresh and self._tell:
                self._tell(purse, left)
            if self._stopped:
                raise InterruptedRun("stopped", RESUME)
            self._sleep(min(left, 1.0))

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

    def seconds_until_fresh(self, purse: Purse) -> float:
        """Seconds until the Hub's hold ends; if it named none, until the oldest counts no more."""
        _, window = self._limits[purse]
        with self._lock:
            self._prune(purse)
            now, spent = self._clock(), self._spent[purse]
            held = self._held[purse] - now
            if held > UNNAMED_WAIT_SECONDS:
                return held
            return spent[0] + window - now if spent else window

    # --- what the Hub says -------------------------------------------------------

    def on_request(self, request: Any) -> None:
        """An HTTP request is about to be sent: it waits for its turn."""
        purse = purse_of(request.url.path)
        if purse:
            self.spend(purse)

    def on_response(self, response: Any) -> None:
        """An answer has come: its RateLimit and Retry-After headers are obeyed by all threads."""
        path = response.request.url.path
        purse = purse_of(path)
        if purse is None:
            return
        headers: Mapping[str, str] = response.headers
        self._learn(purse, headers)
        if response.status_code == 429:
            if response.request.method == "POST" and "/commit/" in path:
                purse = "commit"  # the hourly limit: reading goes on
            named = server_wait(headers)
            self.hold(purse, UNNAMED_WAIT_SECONDS if named is None else named)

    def _learn(self, purse: Purse, headers: Mapping[str, str]) -> None:
        """``RateLimit: "api";r=0;t=55`` and ``RateLimit-Policy: ...;q=500;w=300``."""
        left = _LEFT.search(headers.get("RateLimit", ""))
        if left and int(left[1]) == 0:
            self.hold(purse, float(left[2]) + 1)
        policy = _POLICY.search(headers.get("RateLimit-Policy", ""))
        if policy and int(policy[1]) and int(policy[2]):
            limit = max(1, int(int(policy[1]) * SHARE))
            with self._lock:
                self._limits[purse] = (limit, float(policy[2]))

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


@contextlib.contextmanager
def paced(budget: RateBudget, *hooks: Callable[[Any], None]) -> Iterator[None]:
    """Every request of this process is paid from ``budget``, and none waits for ever.

    ``hooks`` are shown every response as well, each one of a redirect among them.

    The client closes its session after a failed connection and makes another;
    the factory sees to it that the new one is paced as well.
    """
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def factory() -> Any:
        client = default_client_factory()
        client.timeout = ANSWER_SECONDS
        client.event_hooks["request"].append(budget.on_request)
        client.event_hooks["response"] += [budget.on_response, *hooks]
        return client

    set_client_factory(factory)
    try:
        yield
    finally:
        set_client_factory(default_client_factory)
