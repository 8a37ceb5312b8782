"""The only writer to stdout and stderr.

Results go to stdout; progress, facts and warnings to stderr. A terminal gets
live bars; anything else (CI, a pipe) one plain line at the start of a task,
one every 30 seconds and one at its end; ``--json`` gets records on stdout and
nothing on stderr but errors. Tokens are redacted from everything.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TextIO

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress

Mode = Literal["terminal", "plain", "json", "silent"]

PLAIN_INTERVAL_SECONDS = 30.0
# a user's token, a trusted publisher's (a JWT behind its prefix), an organisation's, a bare JWT
_TOKEN = re.compile(
    r"\bhf_jwt_[\w.-]{8,}|\bhf_[A-Za-z0-9_]{8,}|\bapi_org_[A-Za-z0-9]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
)
_kept: set[str] = set()  # secrets that this process came to know


def redact(text: str) -> str:
    """``text`` without what looks like a token, equals ``HF_TOKEN``, or was kept as a secret."""
    for secret in (os.environ.get("HF_TOKEN", ""), *_kept):
        if len(secret) >= 4:
            text = text.replace(secret, "[token]")
    return _TOKEN.sub("[token]", text)


def keep_secret(secret: str) -> None:
    """Redact ``secret`` from all that this process writes; on GitHub the job masks it as well."""
    if secret in _kept:
        return
    _kept.add(secret)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print(f"::add-mask::{secret}", file=sys.stderr, flush=True)


def format_bytes(size_bytes: float) -> str:
    """Decimal units as the Hub shows them: ``1.23 GB`` is 1,230,000,000 bytes."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.2f} {unit}"


def format_seconds(seconds: float) -> str:
    """``8 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Task:
    """A piece of long work with a known total; see :meth:`Console.task`."""

    def __init__(self, total: float, report: Callable[[float, str], None]) -> None:
        self.total = total  # may grow while the work is being found
        self.done = 0.0
        self._report = report

    def advance(self, amount: float = 1, detail: str = "") -> None:
        """``amount`` more units of the total are done."""
        self.reach(self.done + amount, detail)

    def reach(self, done: float, detail: str = "") -> None:
        """``done`` units of the total are done."""
        self.done = done
        self._report(done, detail)


class Console:
    """Messages for people on stderr, results for people and scripts on stdout."""

    def __init__(
        self,
        mode: Mode = "silent",
        *,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.mode = mode
        self._stdout = stdout
        self._stderr = stderr
        self._clock = clock
        self._live: Progress | None = None

    @classmethod
    def for_process(cls, *, json_output: bool = False) -> Console:
        """The console that fits this process: json if asked, bars on a terminal, else plain."""
        if json_output:
            return cls("json")
        return cls("terminal" if sys.stderr.isatty() else "plain")

    # --- results -----------------------------------------------------------

    def result(self, text: str) -> None:
        """A result for people, on stdout. Silent under ``--json``: use :meth:`data` there."""
        if self.mode in ("terminal", "plain"):
            print(redact(text), file=self._stdout or sys.stdout, flush=True)

    def data(self, value: object) -> None:
        """One JSON document on one line, on stdout; only under ``--json``."""
        if self.mode == "json":
            text = json.dumps(value, ensure_ascii=False)
            print(redact(text), file=self._stdout or sys.stdout, flush=True)

    # --- messages ----------------------------------------------------------

    def note(self, text: str) -> None:
        """A line that a person may want to know, on stderr."""
        if self.mode in ("terminal", "plain"):
            self._write(text)

    def fact(self, name: str, value: object) -> None:
        """A named figure, on stderr: ``nominal bits per weight: 5.003``."""
        self.note(f"  {name}: {value}")

    def warn(self, text: str) -> None:
        """A warning; on GitHub also as an annotation."""
        if self.mode != "silent":
            self._write(f"warning: {text}")
        self.annotate("warning", text)

    def annotate(
        self, level: Literal["error", "warning"], text: str, *, title: str = "", file: str = ""
    ) -> None:
        """A line that GitHub shows beside the change, at ``file``; nothing anywhere else."""
        if os.environ.get("GITHUB_ACTIONS") != "true" or self.mode != "plain":
            return
        places = {"file": file, "title": title}
        given = ",".join(f"{key}={_property(value)}" for key, value in places.items() if value)
        self._write(f"::{level}{f' {given}' if given else ''}::{_annotation(redact(text))}")

    def error(self, text: str) -> None:
        """An error for people, on stderr in every mode but silent."""
        if self.mode != "silent":
            self._write(text)

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """A titled stretch of output (a stage); folds on GitHub; tells its time from 10 s on."""
        on_github = os.environ.get("GITHUB_ACTIONS") == "true" and self.mode == "plain"
        self.note(f"::group::{title}" if on_github else title)
        started = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - started
            if seconds >= 10:
                self.note(f"  took {format_seconds(seconds)}")
            if on_github:
                self.note("::endgroup::")

    @contextmanager
    def task(self, title: str, total: float, unit: str = "") -> Iterator[Task]:
        """Progress over ``total`` units of even cost; ``unit``: ``"B"`` for bytes, or a word."""
        if self.mode == "terminal":
            with self._bar(title, total, unit) as task:
                yield task
            return
        started = last = self._clock()

        def report(done: float, detail: str) -> None:
            nonlocal last
            now = self._clock()
            if now - last >= PLAIN_INTERVAL_SECONDS and 0 < done < task.total:
                last = now
                left = format_seconds((now - started) / done * (task.total - done))
                amount = _amount(done, task.total, unit)
                self.note(f"  {title}: {amount}, about {left} left {detail}".rstrip())

        self.note(f"  {title} ...")
        task = Task(total, report)
        yield task
        taken = format_seconds(self._clock() - started)
        self.note(f"  {title}: {_amount(task.done, task.total, unit)} in {taken}")

    # --- inside ------------------------------------------------------------

    @contextmanager
    def _bar(self, title: str, total: float, unit: str) -> Iterator[Task]:
        """A live bar; a task inside another task adds its line to the same display."""
        if self._live is None:
            with _progress(self._stderr) as live:
                self._live = live
                try:
                    with self._bar(title, total, unit) as task:
                        yield task
                finally:
                    self._live = None
            return
        live = self._live
        bar = live.add_task(f"  {title}", total=total, amount=_amount(0, total, unit))

        def report(done: float, detail: str) -> None:
            amount = f"{_amount(done, task.total, unit)} {detail}".rstrip()
            live.update(bar, completed=done, total=task.total, amount=amount)

        task = Task(total, report)
        yield task

    def _write(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(redact(text), markup=False, highlight=False)
        else:
            print(redact(text), file=self._stderr or sys.stderr, flush=True)


SILENT = Console("silent")


def _progress(stderr: TextIO | None) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Left

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        Left(),
        console=_rich(stderr),
        refresh_per_second=2,
        speed_estimate_period=60,
    )


def _rich(stderr: TextIO | None) -> RichConsole:
    from rich.console import Console as RichConsole

    return RichConsole(file=stderr or sys.stderr, no_color=bool(os.environ.get("NO_COLOR")))


def _amount(done: float, total: float, unit: str) -> str:
    if unit == "B":
        return f"{format_bytes(done)}/{format_bytes(total)}"
    return f"{done:.0f}/{total:.0f} {unit}".rstrip()


def _annotation(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _annotation(text).replace(":", "%3A").replace(",", "%2C")
