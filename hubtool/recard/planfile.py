"""``plan.json``: one JSON document, one repo a line: it is written and read as it goes."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self, TextIO

from hubtool.errors import JournalUnreadable, PathNotFound, TargetExists
from hubtool.recard.change import RepoPlan
from hubtool.recard.select import Skipped
from hubtool.records import Record

_END = "]}"


@dataclasses.dataclass(frozen=True)
class PlanHeader(Record):
    """What a plan is of. ``id`` stands in every commit message, so that its commits are known."""

    schema: ClassVar[int] = 1
    id: str
    endpoint: str
    title: str  # of commits and pull requests
    asked: dict[str, Any]  # selection and wish


def new_header(endpoint: str, title: str, asked: dict[str, Any]) -> PlanHeader:
    """The header of a plan that is made now."""
    return PlanHeader(uuid.uuid4().hex[:12], endpoint, title, asked)


class PlanWriter:
    """Writes beside its target and takes its place at the end: a cut plan is no plan."""

    def __init__(self, path: Path, header: PlanHeader) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._header = header
        self._first = True
        self._stream: TextIO | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._partial.open("w", encoding="utf-8", newline="\n")
        head = json.dumps(self._header.to_json(), ensure_ascii=False)
        self._stream.write(f'{{"plan": {head}, "repos": [\n')
        return self

    def add(self, entry: RepoPlan | Skipped) -> None:
        """One repo more."""
        if self._stream is None:
            raise RuntimeError("the plan is not open")
        data = (
            entry.to_json()
            if isinstance(entry, RepoPlan)
            else {"record": "Skipped", **dataclasses.asdict(entry)}
        )
        self._stream.write(("" if self._first else ",\n") + json.dumps(data, ensure_ascii=False))
        self._first = False

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stream is None:
            return
        try:
            if kind is None:
                self._stream.write(f"\n{_END}\n")
            self._stream.close()
            if kind is None:
                require_unused(self._path)  # it may have been applied while this one was made
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)


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


def read_plan_header(path: Path) -> PlanHeader:
    """What the plan is of. Raises PathNotFound, JournalUnreadable."""
    if not path.is_file():
        raise PathNotFound(f"no plan at {path}", "`hubtool recard plan` writes one")
    with path.open(encoding="utf-8", newline="\n") as stream:
        first = stream.readline()
    try:
        return PlanHeader.from_json(json.loads(first + _END)["plan"])
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, str(error)) from error


def read_entries(path: Path) -> Iterator[RepoPlan | Skipped]:
    """Every repo of the plan, one at a time. Raises JournalUnreadable for one that is cut off."""
    with path.open(encoding="utf-8", newline="\n") as stream:
        stream.readline()
        for number, line in enumerate(stream, start=2):
            text = line.rstrip("\n")
            if text == _END:
                return
            if not text:
                continue  # a plan of no repo
            try:
                data = json.loads(text.removesuffix(","))
            except ValueError as error:
                raise _unreadable(path, f"line {number}: {error}") from error
            if not isinstance(data, dict):
                raise _unreadable(path, f"line {number} is no repo's")
            if data.get("record") == "Skipped":
                yield _skipped(path, number, data)
            else:
                yield RepoPlan.from_json(data)
    raise _unreadable(path, "it is cut off")


def _skipped(path: Path, number: int, data: dict[str, Any]) -> Skipped:
    try:
        return Skipped(data["repo"], data["reason"], data["kind"])
    except KeyError as error:
        raise _unreadable(path, f"line {number} lacks {error}") from error


def plans_of(path: Path) -> Iterator[RepoPlan]:
    """Those repos of the plan that change."""
    return (one for one in read_entries(path) if isinstance(one, RepoPlan) and one.files)


def _unreadable(path: Path, why: str) -> JournalUnreadable:
    return JournalUnreadable(f"{path} is no plan of this version: {why}", "make the plan again")
