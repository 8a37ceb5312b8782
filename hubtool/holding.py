"""One hubtool process at a time for what must not be written by two."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hubtool.errors import WorkFolderBusy


@contextmanager
def hold_alone(lock_file: Path, busy: Callable[[str], WorkFolderBusy]) -> Iterator[None]:
    """Keep every other process that holds ``lock_file`` out while the block runs.

    Raises what ``busy`` makes of the process that holds it. The system's
    lock dies with its process: the file of a killed run, which says whose it was, holds
    nobody up, and the next run removes it.
    """
    from filelock import FileLock, Timeout

    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise busy(_holder(lock_file)) from error
    except PermissionError as error:
        raise busy(f"another user's run, or {lock_file} is left of one") from error
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        lock_file.write_text(json.dumps({"pid": os.getpid(), "since": since}), encoding="utf-8")
        yield
    finally:
        lock_file.unlink(missing_ok=True)  # still held: nobody else has taken it meanwhile
        lock.release()


@contextmanager
def hold_output(output: Path) -> Iterator[None]:
    """Keep other processes from writing the same file or folder, by a hidden file beside it.

    Folders that are made for it go again if nothing was written. Where beside an output is
    no right to write, as beside a folder that is changed in place, nothing is held.
    Raises WorkFolderBusy.
    """
    place = output.resolve()
    missing = [one for one in place.parents if not one.exists()]
    # `q.json` and the folder `q` share the state of a measurement under way
    lock_file = place.parent / f".{place.name.removesuffix('.json')}.lock"
    if not place.name or (not missing and not os.access(place.parent, os.W_OK)):
        yield
        return

    def busy(holder: str) -> WorkFolderBusy:
        return WorkFolderBusy(
            f"{output} is in use by {holder}", "wait for that run, or name another output"
        )

    try:
        with hold_alone(lock_file, busy):
            yield
    finally:
        with contextlib.suppress(OSError):  # the first that is not empty
            for folder in missing:
                folder.rmdir()


def _holder(lock_file: Path) -> str:
    try:
        data = json.loads(lock_file.read_text(encoding="utf-8"))
        return f"hubtool process {data['pid']}, started {data['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another hubtool process"
