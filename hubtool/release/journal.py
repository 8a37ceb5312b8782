"""The work folder's memory: who holds it, and which stages are done with which result.

The journal is append-only JSON lines; the last entry of a stage counts. A
line cut short by a crash is ignored: that stage simply runs again.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hubtool.console import redact
from hubtool.errors import JournalUnreadable, WorkFolderBusy
from hubtool.holding import hold_alone


@dataclasses.dataclass(frozen=True)
class Entry:
    """One finished stage: its fingerprint, what went into that, and the record it made."""

    stage: str
    fingerprint: str
    inputs: dict[str, str]  # "options" or a record's name -> fingerprint: names the difference
    record: dict[str, Any]
    seconds: float
    finished: str  # ISO 8601, UTC

    @property
    def finished_clock(self) -> str:
        """When it finished, as a person says it: today's hour, or the date."""
        moment = datetime.fromisoformat(self.finished).astimezone()
        today = moment.date() == datetime.now().astimezone().date()
        return moment.strftime("%H:%M" if today else "%Y-%m-%d")


class Journal:
    """``journal.jsonl`` in a work folder."""

    def __init__(self, root: Path) -> None:
        self._file = root / "journal.jsonl"

    def last(self, stage: str) -> Entry | None:
        """The newest entry of this stage, None if it never finished."""
        found = None
        for entry in self._entries():
            if entry.stage == stage:
                found = entry
        return found

    def append(self, entry: Entry) -> None:
        """Add a line and flush it to the disk before returning."""
        line = redact(json.dumps(dataclasses.asdict(entry), ensure_ascii=False))
        torn = self._file.exists() and not self._file.read_bytes().endswith(b"\n")
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(("\n" if torn else "") + line + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _entries(self) -> Iterator[Entry]:
        if not self._file.exists():
            return
        for line in self._file.read_text(encoding="utf-8").splitlines():
            with suppress(json.JSONDecodeError):  # torn by a crash
                data = json.loads(line)
                try:
                    yield Entry(**data)
                except TypeError as error:
                    raise JournalUnreadable(
                        f"{self._file.name} has an entry of another hubtool version",
                        f"delete {self._file.parent} and run again",
                    ) from error


def now() -> str:
    """This moment in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def hold(root: Path) -> AbstractContextManager[None]:
    """Keep every other hubtool process out of this work folder while the block runs.

    Raises WorkFolderBusy naming the process that holds it.
    """

    def busy(holder: str) -> WorkFolderBusy:
        return WorkFolderBusy(
            f"{root} is in use by {holder}", "wait for that run, or give this one another --workdir"
        )

    return hold_alone(root / "lock", busy)
