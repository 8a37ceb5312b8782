"""The journal beside a plan: what became of each repo, one line at a time, never rewritten."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from hubtool.errors import TargetExists, WorkFolderBusy

State = Literal["sending", "done", "moved", "failed", "undone", "left"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """What became of a repo. ``commit`` and ``pull_request`` (its address) if there is one.

    ``sending``: it may have arrived, or not; ``pull_request`` is empty then for one to be opened.
    ``at`` is seconds since the epoch; ``found``: an earlier try had sent it already.
    """

    repo: str
    state: State
    commit: str | None = None
    pull_request: str | None = None
    reason: str = ""
    found: bool = False
    at: float = 0.0


def journal_of(plan: Path) -> Path:
    """``plan.json`` -> ``plan.journal.jsonl``."""
    return plan.with_name(f"{plan.stem}.journal.jsonl")


def require_unused(plan: Path) -> None:
    """Raise TargetExists for the place of a plan that was applied: its undo would be lost."""
    if journal_of(plan).is_file():
        raise TargetExists(
            f"{plan} was applied, and {journal_of(plan).name} beside it says to which repos",
            "name another file with --out; both are needed to undo or to finish that plan",
        )


@contextmanager
def held(plan: Path) -> Iterator[None]:
    """One run of apply or undo at a time for a plan. Raises WorkFolderBusy."""
    from filelock import FileLock, Timeout

    place = plan.with_name(f"{plan.stem}.lock")
    lock = FileLock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise WorkFolderBusy(
            f"another hubtool process is at work on {plan}", "wait for it, or stop it"
        ) from error
    try:
        yield
    finally:
        lock.release()


class Journal:
    """What became of each repo of a plan. A line that was cut by a kill is not there."""

    def __init__(self, plan: Path) -> None:
        self.path = journal_of(plan)
        self._lock = threading.Lock()
        self.entries: dict[str, Entry] = {}
        self.commits_at: list[float] = []
        for line in self.path.read_bytes().split(b"\n") if self.path.is_file() else ():
            entry = _entry(line)
            if entry is not None:
                self._remember(entry)

    def add(self, entry: Entry) -> Entry:
        """Write one line, to the disk before this returns."""
        entry = dataclasses.replace(entry, at=time.time())
        line = json.dumps(dataclasses.asdict(entry), ensure_ascii=False).encode()
        with self._lock:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                end = os.lseek(descriptor, 0, os.SEEK_END)
                whole = end == 0 or os.pread(descriptor, 1, end - 1) == b"\n"
                os.write(descriptor, (b"" if whole else b"\n") + line + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._remember(entry)
        return entry

    def states(self) -> Counter[str]:
        """How many repos are in which state."""
        return Counter(entry.state for entry in self.entries.values())

    def _remember(self, entry: Entry) -> None:
        self.entries[entry.repo] = entry
        if entry.commit and not entry.found:
            self.commits_at.append(entry.at)


def _entry(line: bytes) -> Entry | None:
    try:
        return Entry(**json.loads(line)) if line.strip() else None
    except (ValueError, TypeError):
        return None
