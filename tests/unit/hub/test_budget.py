"""The shared budget: who waits, for how long, and what the Hub's headers change."""

from __future__ import annotations

import types

import httpx2
import pytest

from hubtool.errors import InterruptedRun
from hubtool.hub.budget import COMMITS, Purse, RateBudget, paced, purse_of
from hubtool.hub.endpoint import is_here, lasting_name
from hubtool.hub.retry import server_wait

HUB = "https://hub.example"


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def budget(clock: Clock, **limits: int) -> RateBudget:
    return RateBudget(clock=clock, sleep=clock.sleep, **limits)


def waited(purse: RateBudget, clock: Clock, kind: Purse) -> float:
    """Seconds that pass before one more is taken."""
    before = clock.now
    purse.spend(kind)
    return clock.now - before


def answer(
    path: str, status: int = 200, method: str = "GET", **headers: str
) -> types.SimpleNamespace:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, headers=named, request=httpx2.Request(method, HUB + path))


def test_more_than_the_limit_waits_for_the_window_to_pass() -> None:
    clock = Clock()
    purse = budget(clock, commits_per_hour=3)
    for _ in range(3):
        purse.spend("commit")
    assert clock.now == 1000.0
    purse.spend("commit")
    assert clock.now == pytest.approx(4600.0)


def test_commits_of_an_earlier_run_count() -> None:
    clock = Clock()
    purse = budget(clock, commits_per_hour=2)
    purse.spend("commit", ago_seconds=3000, wait=False)
    purse.spend("commit", ago_seconds=2000, wait=False)
    assert purse.seconds_for("commit", 2) == 3600.0
    assert purse.seconds_for("commit", 3) == 2 * 3600.0
    assert waited(purse, clock, "commit") == pytest.approx(600.0)


@pytest.mark.parametrize(
    ("count", "seconds"), [(120, 0), (121, 3600), (240, 3600), (241, 7200), (900, 7 * 3600)]
)
def test_the_time_of_many_commits_is_known_before(count: int, seconds: float) -> None:
    assert RateBudget.for_hub(HUB).seconds_for("commit", count) == seconds
    assert COMMITS < 128


def test_a_hub_on_this_machine_has_no_limit_unless_it_is_asked_for() -> None:
    assert RateBudget.for_hub("http://127.0.0.1:80").seconds_for("commit", 10_000) == 0.0
    assert RateBudget.for_hub("http://127.0.0.1:80", 10).seconds_for("commit", 11) == 3600.0
    assert RateBudget.for_hub(HUB, 0).seconds_for("commit", 10_000) == 0.0


def test_retry_after_holds_everybody_of_that_kind() -> None:
    clock = Clock()
    purse = budget(clock)
    purse.on_response(answer("/api/models", 429, retry_after="55"))
    assert waited(purse, clock, "resolve") == 0.0
    assert waited(purse, clock, "api") == pytest.approx(55.0)


def test_an_empty_window_holds_before_any_429_comes() -> None:
    clock = Clock()
    purse = budget(clock)
    purse.on_response(answer("/lab/m/resolve/main/README.md", ratelimit='"resolvers";r=0;t=40'))
    assert waited(purse, clock, "api") == 0.0
    purse.on_response(answer("/api/models", ratelimit='"api";r=7;t=40'))
    assert waited(purse, clock, "api") == 0.0
    assert waited(purse, clock, "resolve") == pytest.approx(41.0)


def test_the_quota_that_the_hub_names_is_kept_below() -> None:
    clock = Clock()
    purse = budget(clock)
    purse.on_response(answer("/api/models", ratelimit_policy='"fixed window";"api";q=10;w=60'))
    for _ in range(9):
        purse.spend("api")
    assert clock.now == 1000.0
    assert waited(purse, clock, "api") == pytest.approx(60.0)


def test_a_refused_commit_holds_commits_and_lets_reading_go_on() -> None:
    clock = Clock()
    purse = budget(clock)
    purse.on_response(answer("/api/models/lab/m/commit/main", 429, "POST", retry_after="1800"))
    assert purse.seconds_until_fresh("commit") == 1800.0
    assert waited(purse, clock, "api") == 0.0
    assert waited(purse, clock, "commit") == pytest.approx(1800.0)


def test_without_a_named_time_a_quota_is_fresh_when_the_oldest_commit_is_an_hour_old() -> None:
    clock = Clock()
    purse = budget(clock)
    purse.spend("commit")
    clock.sleep(600)
    purse.spend("commit")
    purse.on_response(answer("/api/models/lab/m/commit/main", 429, "POST"))
    assert purse.seconds_until_fresh("commit") == pytest.approx(3000.0)


def test_whoever_waits_is_let_go_when_the_run_stops() -> None:
    purse = budget(Clock(), commits_per_hour=1)
    purse.spend("commit")
    purse.stop()
    with pytest.raises(InterruptedRun):
        purse.spend("commit")


def test_a_long_wait_is_told_once() -> None:
    clock, told = Clock(), []
    purse = RateBudget(
        commits_per_hour=1,
        clock=clock,
        sleep=clock.sleep,
        tell=lambda purse, seconds: told.append((purse, round(seconds))),
    )
    purse.spend("commit")
    purse.spend("commit")
    assert told == [("commit", 3600)]


@pytest.mark.parametrize(
    ("path", "purse"),
    [
        ("/api/models/lab/m", "api"),
        ("/lab/m/resolve/main/README.md", "resolve"),
        ("/lab/m/blob/main/README.md", None),
    ],
)
def test_a_request_is_paid_by_its_path(path: str, purse: str | None) -> None:
    assert purse_of(path) == purse


def test_the_client_is_paced_also_after_it_has_made_a_new_session() -> None:
    from huggingface_hub import close_session
    from huggingface_hub.utils import get_session

    purse = RateBudget()
    with paced(purse):
        first = get_session()
        close_session()  # what the client does after a failed connection
        second = get_session()
        assert first is not second
        for session in (first, second):
            assert purse.on_request in session.event_hooks["request"]
            assert purse.on_response in session.event_hooks["response"]
            assert session.timeout.read is not None
    assert purse.on_request not in get_session().event_hooks["request"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30.0),
        ({"retry-after": "30"}, 30.0),
        ({"ratelimit": '"api";r=0;t=55', "retry-after": "1"}, 56.0),
        ({"ratelimit": '"api";r=3;t=55'}, None),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_names_is_known_in_any_case(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert server_wait(headers) == seconds


def test_hubs_of_this_machine_have_one_lasting_name() -> None:
    assert lasting_name("http://127.0.0.1:1") == lasting_name("http://localhost:2")
    assert lasting_name(HUB) == HUB
    assert not is_here(HUB)
