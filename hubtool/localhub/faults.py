"""Faults: how the local Hub misbehaves on demand, so that resilience can be tested.

A fault names the requests it strikes (a route, or a path pattern), which of
them (the nth, every kth, some by chance, at most so many), and what happens.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import random
from collections.abc import Collection, Sequence
from typing import Any

from hubtool.errors import ManifestInvalid

EXAMPLE = "commit:status=503,times=2"

MESSAGES = {
    409: "Another commit operation is in progress for this repository. Please try again later.",
    412: "A commit has happened since. Please refresh and try again.",
    429: "We had to rate limit you. Please retry later.",
}


@dataclasses.dataclass
class Fault:
    """What happens to which requests.

    ``route`` is a route's name (``commit``, ``lfs-upload``, ...), ``*``, or a
    pattern over the raw path if it starts with ``/``. Zero or None turns a
    field off.
    """

    route: str
    method: str = ""  # only requests of this method
    # which of the matching requests
    nth: int = 0  # only this one, counted from 1
    every: int = 0  # each one whose number is a multiple of this
    probability: float = 1.0
    seed: int = 0  # of the choice by probability
    times: int = 0  # at most so often
    # what happens
    status: int = 0  # answered in place of the hub
    retry_after: int | None = None  # seconds, sent with the status
    rate_limit: int | None = None  # seconds until the window ends, sent as RateLimit
    latency: float = 0.0  # seconds before anything else
    together: int = 0  # held until so many were struck: requests that would miss each other meet
    drop: int | None = None  # reset the connection after so many bytes of the request's body
    truncate: int | None = None  # end the answer after so many bytes of its body
    reset: bool = False  # a truncated answer ends in RST instead of FIN
    lost: bool = False  # the request is carried out, its answer never arrives
    slow: int = 0  # bytes per second, for both bodies
    # state
    seen: int = dataclasses.field(default=0, compare=False)
    struck: int = dataclasses.field(default=0, compare=False)
    _chance: random.Random | None = dataclasses.field(default=None, compare=False, repr=False)

    def strikes(self, route: str, method: str, path: str) -> bool:
        """Whether this request is struck; counts it."""
        if not self._matches(route, method, path):
            return False
        self.seen += 1
        if self._chance is None:
            self._chance = random.Random(self.seed)
        by_chance = self.probability >= 1 or self._chance.random() < self.probability
        chosen = (
            (not self.nth or self.seen == self.nth)
            and (not self.every or self.seen % self.every == 0)
            and (not self.times or self.struck < self.times)
            and by_chance
        )
        self.struck += chosen
        return chosen

    @property
    def headers(self) -> dict[str, str]:
        """What a struck answer with a status carries."""
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.rate_limit is not None:
            headers["RateLimit"] = f'"api";r=0;t={self.rate_limit}'
            headers["RateLimit-Policy"] = '"fixed window";"api";q=500;w=300'
        return headers

    @property
    def message(self) -> str:
        """The error text that goes with the status."""
        return MESSAGES.get(self.status, f"Fault on {self.route}: status {self.status}")

    def _matches(self, route: str, method: str, path: str) -> bool:
        if self.method and self.method.upper() != method:
            return False
        if self.route.startswith("/"):
            return fnmatch.fnmatchcase(path, self.route)
        return self.route in ("*", route)


def choose(faults: Sequence[Fault], route: str, method: str, path: str) -> Fault | None:
    """The first fault that strikes the request, if any; every matching one counts it."""
    struck = [fault for fault in faults if fault.strikes(route, method, path)]
    return struck[0] if struck else None


KEYS = {
    field.name: str(field.type)
    for field in dataclasses.fields(Fault)
    if field.name not in ("route", "seen", "struck", "_chance")
}


# key -> smallest and largest value, where it is not "0 and more"
RANGES: dict[str, tuple[float, float]] = {
    "probability": (0, 1),
    "status": (400, 599),
    "nth": (1, math.inf),
    "every": (1, math.inf),
    "latency": (0, 3600),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def require_routes(faults: Sequence[Fault], names: Collection[str]) -> None:
    """Raise ManifestInvalid for a fault that is aimed at a route that does not exist."""
    for fault in faults:
        if fault.route != "*" and not fault.route.startswith("/") and fault.route not in names:
            raise ManifestInvalid(
                f"no route of the local Hub is called {fault.route!r}",
                f"use *, a path pattern, or one of: {', '.join(sorted(names))}",
            )


def parse_fault(spec: str) -> Fault:
    """The fault that ``ROUTE:key=value,key=value`` describes; a key alone means ``=1``.

    Raises ManifestInvalid for an unknown key or a value that does not fit.
    """
    route, colon, rest = spec.partition(":")
    if not route or not colon:
        raise _bad(spec, "expected ROUTE:key=value")
    fields: dict[str, Any] = {}
    for item in filter(None, rest.split(",")):
        key, _, value = item.partition("=")
        if key not in KEYS:
            raise _bad(spec, f"unknown key {key!r}; known are {', '.join(KEYS)}")
        fields[key] = _value(spec, key, value or "1")
    fault = Fault(route, **fields)
    if fault.together > (1 if fault.nth else fault.times or math.inf):
        raise _bad(spec, f"never are {fault.together} requests struck: all would wait for ever")
    return fault


def _value(spec: str, key: str, text: str) -> Any:
    kind = KEYS[key]
    try:
        if kind == "bool":
            return {"1": True, "true": True, "0": False, "false": False}[text.lower()]
        if kind == "str":
            return METHODS[METHODS.index(text.upper())]
        number = float(text) if kind == "float" else int(text)
        lowest, highest = RANGES.get(key, (0, math.inf))
        if not lowest <= number <= highest:
            raise ValueError(f"outside of {lowest} to {highest}")
        return number
    except (ValueError, KeyError) as error:
        raise _bad(spec, f"{key} cannot be {text!r}") from error


def _bad(spec: str, why: str) -> ManifestInvalid:
    return ManifestInvalid(f"--fault {spec!r}: {why}", f"write it like --fault '{EXAMPLE}'")
