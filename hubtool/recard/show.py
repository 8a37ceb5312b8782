"""A plan for people: a table and the diffs; for scripts, without contents."""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Iterator

from hubtool.recard.change import FileChange, RepoPlan
from hubtool.recard.select import Skipped


def line_of(entry: RepoPlan | Skipped) -> str:
    """One line of the table."""
    if isinstance(entry, Skipped):
        return f"  {entry.kind:<9} {entry.repo}: {entry.reason}"
    if not entry.files:
        return f"  right     {entry.repo}"
    return f"  change    {entry.repo}: {counts(entry)}"


def counts(plan: RepoPlan) -> str:
    """``2 metadata, 5 block, 1 adoption``; licences first."""
    found = Counter(change.kind for change in plan.changes)
    parts = [f"{number} {kind}" for kind, number in found.items()]
    parts += [f"{len(plan.warnings)} to heed"] if plan.warnings else []
    return ", ".join(parts) or f"{len(plan.files)} files"


def notes_of(entry: RepoPlan | Skipped) -> tuple[str, ...]:
    """What is to be heeded of a repo that changes, licences first."""
    if isinstance(entry, Skipped) or not entry.files:
        return ()
    licences = [f"licence: {one.what}" for one in entry.changes if one.kind == "licence"]
    return (*licences, *entry.warnings)


def summary_of(entry: RepoPlan | Skipped) -> dict[str, object]:
    """An entry for scripts, without contents."""
    if isinstance(entry, Skipped):
        return {"repo": entry.repo, "result": entry.kind, "reason": entry.reason}
    return {
        "repo": entry.repo,
        "result": "change" if entry.files else "right",
        "head": entry.head,
        "maker": entry.maker,
        "changes": [dataclasses.asdict(one) for one in entry.changes],
        "files": [one.path for one in entry.files],
        "warnings": list(entry.warnings),
    }


def diff_of(entry: RepoPlan | Skipped) -> str:
    """The unified diffs of its text files; of pictures and licence texts the names."""
    if isinstance(entry, Skipped):
        return ""
    return "\n".join(line for file in entry.files for line in diff_lines(entry.repo, file))


def diff_lines(repo: str, file: FileChange) -> Iterator[str]:
    """The unified diff of one file; of what is no text one line."""
    name = f"{repo}/{file.path}"
    if file.binary:
        yield f"{'changed' if file.existed else 'new'}: {name} ({len(file.content):,} bytes)"
        return
    before = [] if file.before is None else _lines(file.before)
    after = _lines(file.after)
    old = name if file.existed else "(none)"
    yield from difflib.unified_diff(before, after, old, name, lineterm="")


def _lines(text: str) -> list[str]:
    """Lines by ``\\n`` alone, with a carriage return and a byte order mark made visible."""
    return [line.replace("\r", "␍").replace("\ufeff", "[BOM]") for line in text.split("\n")]
