"""When a request to the Hub is tried again, and how long to wait first."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import time
from collections.abc import Callable, Mapping

RETRIED_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504})
_WINDOW = re.compile(r"r=0\b.*?\bt=(\d+)")


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """At most ``attempts`` tries, none after ``patience_seconds``; waits double with jitter.

    Where nothing listens the patience is ``refused_seconds``: enough for a server that starts
    again.

    ``HUBTOOL_RETRY_SECONDS`` sets the patience. A wait that the server names
    (Retry-After, RateLimit) is obeyed even beyond the longest own wait.
    """

    attempts: int = 7
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0
    patience_seconds: float = 180.0
    refused_seconds: float = 4.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def from_environment(cls, *, at_least: float = 0.0) -> RetryPolicy:
        """The default policy with the user's patience; if they named none, ``at_least`` so much."""
        named = os.environ.get("HUBTOOL_RETRY_SECONDS")
        usual = max(cls.patience_seconds, at_least)
        return cls(patience_seconds=usual if named is None else float(named))

    def patience_for(self, error: BaseException) -> float:
        """Seconds after which a request that failed like this is not tried again."""
        limit = self.refused_seconds if was_refused(error) else self.patience_seconds
        return min(limit, self.patience_seconds)

    def wait_before(self, attempt: int, headers: Mapping[str, str]) -> float:
        """Seconds before try number ``attempt`` (2 is the first retry)."""
        named = server_wait(headers)
        if named is not None:
            return named
        wait = min(self.first_wait_seconds * 2.0 ** (attempt - 2), self.longest_wait_seconds)
        return wait * random.uniform(0.75, 1.25)


def was_refused(error: BaseException) -> bool:
    """Whether no connection came about since nothing listens there.

    A name that is not found is no such case: that is how a network fails that is away for a while.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def server_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks us to wait; None if it names none.

    ``RateLimit: "api";r=0;t=55`` (an empty window that ends in 55 s) goes
    before ``Retry-After: 30``; dates are not understood, as in the client. The
    names of headers are known in any case.
    """
    said = {name.lower(): value for name, value in headers.items()}
    window = _WINDOW.search(said.get("ratelimit", ""))
    if window:
        return float(window[1]) + 1
    after = said.get("retry-after", "")
    return float(after) if after.isdigit() else None
