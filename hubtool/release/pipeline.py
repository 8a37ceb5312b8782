"""The order of the stages, and the only loop over them."""

from __future__ import annotations

import dataclasses
import errno
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hubtool.errors import DiskFull, JournalUnreadable
from hubtool.records import Record, fingerprint_of
from hubtool.release.journal import Entry, Journal, now
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage

AnyStage = Stage[Any, Any]


def run_stages(
    stages: Sequence[AnyStage],
    manifest: ReleaseManifest,
    context: Context,
    journal: Journal,
) -> dict[type[Record], Record]:
    """Run what is not done yet, in order; returns every record by its type.

    A stage is skipped when its fingerprint (name, version, options, records
    read) is in the journal and its outputs are intact. Two stages may write
    the same record type: the later one replaces it for all that follow.
    """
    records: dict[type[Record], Record] = dict(context.records)
    for stage in stages:
        want = stage.options(manifest)
        seen = dataclasses.replace(context, records=records, reads=stage.reads)
        with context.console.group(stage.title):
            reason = stage.skip(want)
            if reason is not None:
                context.console.note(f"  skipped: {reason}")
                continue
            records[stage.writes] = _run_or_reuse(stage, want, seen, journal)
    return records


def _run_or_reuse(stage: AnyStage, want: Any, context: Context, journal: Journal) -> Record:
    inputs = _inputs(stage, want, context)
    fingerprint = fingerprint_of(inputs)
    last = journal.last(stage.name)
    record = _read_record(stage, last)
    if last and record and last.fingerprint == fingerprint and stage.intact(context, record):
        context.console.note(f"  unchanged since {last.finished_clock}")
        return record
    if last:
        context.console.note(f"  again: {_difference(last, inputs)}")
    started = time.monotonic()
    try:
        done: Record = stage.run(context, want)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"no room left on the disk under {context.work.root}",
            "free some space, then run the same command: it goes on where it stopped",
        ) from error
    journal.append(
        Entry(
            stage=stage.name,
            fingerprint=fingerprint,
            inputs=inputs,
            record=done.to_json(),
            seconds=round(time.monotonic() - started, 3),
            finished=now(),
        )
    )
    return done


def _inputs(stage: AnyStage, want: Any, context: Context) -> dict[str, str]:
    """Everything that can change the answer, each part hashed on its own."""
    options = want.model_dump(mode="json") if isinstance(want, BaseModel) else want
    if dataclasses.is_dataclass(options) and not isinstance(options, type):
        options = dataclasses.asdict(options)
    parts = {"stage": f"{stage.name} {stage.version}", "options": fingerprint_of(options)}
    for kind in stage.reads:
        if kind in context.records:
            parts[kind.__name__] = context.records[kind].fingerprint()
    if stage.follows_tag and context.git is not None and context.git.by_tag:
        parts["git tag"] = fingerprint_of(dataclasses.asdict(context.git))
    return parts


def _read_record(stage: AnyStage, entry: Entry | None) -> Record | None:
    """The journaled record, or None if it is of an older schema: then the stage runs again."""
    if entry is None:
        return None
    try:
        record: Record = stage.writes.from_json(entry.record)
    except JournalUnreadable:
        return None
    return record


def _difference(last: Entry, inputs: dict[str, str]) -> str:
    """The first input that changed, in words."""
    for name in sorted({*last.inputs, *inputs}):
        if last.inputs.get(name) != inputs.get(name):
            return f"{name} changed"
    return "its files are missing or changed"


def files_intact(folder: Path, record_files: Sequence[Any]) -> bool:
    """Whether every file is there with its size; contents are hashed when they are pushed."""
    return all(
        (folder / file.path).is_file() and (folder / file.path).stat().st_size == file.size_bytes
        for file in record_files
    )
