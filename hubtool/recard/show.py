"""A plan for people: a table, the diffs, one page with all of them."""

from __future__ import annotations

import dataclasses
import difflib
import html
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from hubtool.recard.plan import FileChange, RepoPlan
from hubtool.recard.select import Skipped

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; --add: #1a7f3722; --del: #cf222e22; --line: #8886; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem }}
summary {{ cursor: pointer; padding: .4rem 0; border-top: 1px solid var(--line) }}
summary b {{ font-weight: 600 }} summary span {{ opacity: .75; margin-left: .6rem }}
pre {{ font: 13px/1.45 ui-monospace, monospace; overflow-x: auto; padding: .6rem;
  border: 1px solid var(--line); border-radius: 6px }}
ins, del {{ text-decoration: none; display: block }}
ins {{ background: var(--add) }} del {{ background: var(--del) }}
.warn {{ color: #b35900 }} .left {{ opacity: .75 }}
</style></head><body>
<h1>{title}</h1>
"""


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
    return "\n".join(line for file in entry.files for line in _diff(entry.repo, file))


def _diff(repo: str, file: FileChange) -> Iterator[str]:
    name = f"{repo}/{file.path}"
    if file.binary:
        yield f"{'changed' if file.existed else 'new'}: {name} ({len(file.content):,} bytes)"
        return
    before = (file.before or "").splitlines()
    yield from difflib.unified_diff(
        before, file.after.splitlines(), name if file.existed else "(none)", name, lineterm=""
    )


class DiffPage:
    """One HTML page with every diff, written as the plan is made."""

    def __init__(self, path: Path, title: str) -> None:
        self._path, self._title = path, title
        self._stream: TextIO | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._path.open("w", encoding="utf-8")
        self._stream.write(_PAGE.format(title=html.escape(self._title)))
        return self

    def add(self, entry: RepoPlan | Skipped) -> None:
        """One repo more."""
        if self._stream is not None:
            self._stream.write("".join(_section(entry)))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.write("</body></html>\n")
            self._stream.close()


def _section(entry: RepoPlan | Skipped) -> Iterable[str]:
    if isinstance(entry, Skipped):
        yield f'<p class="left">{html.escape(f"{entry.repo}: {entry.kind}, {entry.reason}")}</p>\n'
        return
    if not entry.files:
        yield f'<p class="left">{html.escape(entry.repo)}: right already</p>\n'
        return
    words = html.escape(counts(entry))
    yield f"<details><summary><b>{html.escape(entry.repo)}</b><span>{words}</span></summary>\n<ul>"
    yield from (f"<li>{html.escape(f'{one.kind}: {one.what}')}</li>" for one in entry.changes)
    yield from (f'<li class="warn">{html.escape(warning)}</li>' for warning in entry.warnings)
    yield "</ul>\n<pre>"
    for line in diff_of(entry).split("\n"):
        tag = {"+": "ins", "-": "del"}.get(line[:1]) if line[:3] not in ("+++", "---") else None
        text = html.escape(line)
        yield f"<{tag}>{text or ' '}</{tag}>" if tag else f"{text}\n"
    yield "</pre></details>\n"
