"""What is printed where, and what never is."""

from __future__ import annotations

import io
import json

import pytest

from hubtool.console import Console, format_bytes, format_seconds


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_plain_task_prints_start_every_30_seconds_and_end() -> None:
    stderr, clock = io.StringIO(), Clock()
    console = Console("plain", stderr=stderr, clock=clock)
    with console.task("measuring", 10, "windows") as task:
        for _ in range(10):
            clock.now += 8
            task.advance()
    assert stderr.getvalue().splitlines() == [
        "  measuring ...",
        "  measuring: 4/10 windows, about 48 s left",
        "  measuring: 8/10 windows, about 16 s left",
        "  measuring: 10/10 windows in 1 min 20 s",
    ]


def test_tokens_never_reach_any_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "canary-without-prefix")
    stdout, stderr = io.StringIO(), io.StringIO()
    console = Console("plain", stdout=stdout, stderr=stderr)
    for text in ("hf_abcdefghijklmnop", "canary-without-prefix"):
        console.result(text)
        console.note(text)
        console.warn(text)
        console.error(text)
    assert set(stdout.getvalue().split()) == {"[token]"}
    assert set(stderr.getvalue().split()) == {"[token]", "warning:"}


def test_json_mode_prints_records_on_stdout_and_no_messages() -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    console = Console("json", stdout=stdout, stderr=stderr)
    console.note("for people")
    console.result("for people")
    console.data({"a": 1})
    assert json.loads(stdout.getvalue()) == {"a": 1}
    assert stderr.getvalue() == ""


def test_an_annotation_names_its_file_and_is_seen_on_github_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stderr = io.StringIO()
    console = Console("plain", stderr=stderr)
    console.annotate("error", "nobody sees this")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    Console("json", stderr=stderr).annotate("error", "nor this")
    console.annotate("error", "100%\nwrong: a, b", title="card/facts: 1", file="a,b.md")
    assert stderr.getvalue() == (
        "::error file=a%2Cb.md,title=card/facts%3A 1::100%25%0Awrong: a, b\n"
    )


def test_warnings_are_annotations_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    stderr = io.StringIO()
    Console("plain", stderr=stderr).warn("two\nlines")
    assert "::warning::two%0Alines" in stderr.getvalue()


def test_sizes_are_decimal_and_times_readable() -> None:
    assert [format_bytes(n) for n in (999, 1000, 6_300_000_000)] == ["999 B", "1.00 kB", "6.30 GB"]
    assert [format_seconds(n) for n in (8, 185, 7800)] == ["8 s", "3 min 05 s", "2 h 10 min"]
