"""Which requests a fault strikes, and how it is written."""

from __future__ import annotations

import dataclasses

import pytest

from hubtool.errors import ManifestInvalid
from hubtool.localhub.faults import Fault, choose, parse_fault


def struck(fault: Fault, count: int = 6) -> list[int]:
    """Numbers, from 1, of the requests that the fault strikes."""
    return [
        number
        for number in range(1, count + 1)
        if fault.strikes("commit", "POST", "/api/models/org/m/commit/main")
    ]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("commit"), [1, 2, 3, 4, 5, 6]),
        (Fault("commit", times=2), [1, 2]),
        (Fault("commit", nth=3), [3]),
        (Fault("commit", every=2), [2, 4, 6]),
        (Fault("commit", every=2, times=2), [2, 4]),
        (Fault("*"), [1, 2, 3, 4, 5, 6]),
        (Fault("/api/models/org/*"), [1, 2, 3, 4, 5, 6]),
        (Fault("/api/models/other/*"), []),
        (Fault("preupload"), []),
        (Fault("commit", method="GET"), []),
        (Fault("commit", method="post"), [1, 2, 3, 4, 5, 6]),
        (Fault("commit", probability=0.0), []),
    ],
)
def test_fault_strikes_the_requests_it_names(fault: Fault, expected: list[int]) -> None:
    assert struck(fault) == expected


def test_chance_is_repeatable_by_its_seed() -> None:
    first, again = (struck(Fault("commit", probability=0.5, seed=7), 50) for _ in range(2))
    assert first == again
    assert 10 < len(first) < 40


def test_the_first_of_several_faults_acts_and_all_count() -> None:
    faults = [Fault("commit", status=500, nth=2), Fault("*", status=503)]
    chosen = [choose(faults, "commit", "POST", "/x") for _ in range(3)]
    assert [fault and fault.status for fault in chosen] == [503, 500, 503]
    assert [fault.seen for fault in faults] == [3, 3]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("commit:status=503,times=2", Fault("commit", status=503, times=2)),
        ("lfs-upload:drop=0", Fault("lfs-upload", drop=0)),
        ("commit:lost", Fault("commit", lost=True)),
        ("commit:together=2,times=2", Fault("commit", together=2, times=2)),
        ("*:latency=0.25,every=3", Fault("*", latency=0.25, every=3)),
        (
            "resolve:method=GET,truncate=10,reset=true",
            Fault("resolve", "GET", truncate=10, reset=True),
        ),
        ("/api/*:status=429,rate_limit=5", Fault("/api/*", status=429, rate_limit=5)),
    ],
)
def test_spec_is_read(spec: str, expected: Fault) -> None:
    assert parse_fault(spec) == expected


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("commit", "expected ROUTE:key=value"),
        (":status=1", "expected ROUTE:key=value"),
        ("commit:speed=1", "unknown key 'speed'"),
        ("commit:status=five", "status cannot be 'five'"),
        ("commit:lost=maybe", "lost cannot be 'maybe'"),
        ("commit:nth=-1", "nth cannot be '-1'"),
        ("commit:status=9999", "status cannot be '9999'"),
        ("commit:probability=7", "probability cannot be '7'"),
        ("commit:probability=nan", "probability cannot be 'nan'"),
        ("commit:method=fetch", "method cannot be 'fetch'"),
        ("commit:together=3,times=2", "never are 3 requests struck"),
        ("commit:together=2,nth=1", "never are 2 requests struck"),
    ],
)
def test_bad_spec_is_refused_with_the_reason(spec: str, why: str) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        parse_fault(spec)
    assert why in caught.value.message


def test_every_field_that_acts_can_be_written_on_the_command_line() -> None:
    state = {"route", "seen", "struck", "_chance"}
    names = {field.name for field in dataclasses.fields(Fault)} - state
    for name in names:
        parse_fault(f"commit:{name}={ {'status': 500, 'method': 'get'}.get(name, 1) }")


def test_rate_limit_header_is_the_one_that_the_client_reads() -> None:
    assert Fault("commit", status=429, rate_limit=55).headers["RateLimit"] == '"api";r=0;t=55'
    assert Fault("commit", status=429, retry_after=3).headers == {"Retry-After": "3"}
