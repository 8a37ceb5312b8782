"""The journal beside a plan: what became of each repo, one line at a time, never rewritten."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from hubtool.errors import TargetExists, WorkFolderBusy
from hubtool.holding import hold_alone
from hubtool.recard.planfile import journal_of, read_plan_header

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


def held(plan: Path) -> AbstractContextManager[None]:
    """One run of apply or undo at a time for a plan. Raises WorkFolderBusy."""

    def busy(holder: str) -> WorkFolderBusy:
        return WorkFolderBusy(f"{plan} is in use by {holder}", "wait for it, or stop it")

    return hold_alone(plan.with_name(f"{plan.stem}.lock"), busy)


class Journal:
    """What became of each repo of a plan. A line that was cut by a kill is not there."""

    def __init__(self, plan: Path) -> None:
        self.path = journal_of(plan)
        self._lock = threading.Lock()
        self.entries: dict[str, Entry] = {}
        self.commits_at: list[float] = []
        self._of = read_plan_header(plan).id
        self._begun = False  # the line that names the plan is there
        for line in self.path.read_bytes().split(b"\n") if self.path.is_file() else ():
            self._read(line)

    def _read(self, line: bytes) -> None:
        data, entry = _object(line), _entry(line)
        self._begun = self._begun or data.get("plan") == self._of
        if not self._begun and (entry is not None or "plan" in data):
            raise TargetExists(
                f"{self.path} is the journal of another plan than this one",
                "put that plan back to its place, or move this one away from it",
            )
        if entry is not None:
            self._remember(entry)

    def add(self, entry: Entry) -> Entry:
        """Write one line, to the disk before this returns."""
        entry = dataclasses.replace(entry, at=time.time())
        line = json.dumps(dataclasses.asdict(entry), ensure_ascii=False).encode()
        with self._lock:
            if not self._begun:
                line = json.dumps({"plan": self._of}).encode() + b"\n" + line
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                end = os.lseek(descriptor, 0, os.SEEK_END)
                whole = end == 0 or os.pread(descriptor, 1, end - 1) == b"\n"
                os.write(descriptor, (b"" if whole else b"\n") + line + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._begun = True
            self._remember(entry)
        return entry

    def states(self) -> Counter[str]:
        """How many repos are in which state."""
        return Counter(entry.state for entry in self.entries.values())

    def _remember(self, entry: Entry) -> None:
        self.entries[entry.repo] = entry
        if entry.commit and not entry.found:
            self.commits_at.append(entry.at)


def _object(line: bytes) -> dict[str, object]:
    try:
        data = json.loads(line)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _entry(line: bytes) -> Entry | None:
    try:
        return Entry(**json.loads(line)) if line.strip() else None
    except (ValueError, TypeError):
        return None
