"""The parameter count of a repo, as the Hub makes it from the headers of its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hubtool.artifact.headers import Header, read_remote_header
from hubtool.artifact.hub_parameters import SINGLE_FILE, counted_files, hub_parameters
from hubtool.errors import HubtoolError

ReadRange = Callable[[str, int, int], bytes]  # path, start, length


def parameter_count(
    paths: Sequence[str],
    index: Mapping[str, Any],
    config: dict[str, Any],
    read_range: ReadRange,
    sizes: Mapping[str, int],
) -> dict[str, Any] | None:
    """``{parameters, total}``; None if there are no weights or any counted file is broken.

    ``index`` is that of sharded weights; ``sizes`` (bytes by path) spares finding them.
    """
    files = counted_files(paths, index)
    if not files or not set(files) <= set(paths):
        return None
    headers = [_header(path, read_range, sizes.get(path)) for path in files]
    good = [header for header in headers if header is not None]
    if len(good) < len(headers):
        return None
    metadata = good[0].metadata if files == (SINGLE_FILE,) else index.get("metadata")
    declared = metadata.get("total_parameters") if isinstance(metadata, Mapping) else None
    return hub_parameters(good, config, declared).to_json()


def _header(path: str, read_range: ReadRange, size: int | None) -> Header | None:
    def read(start: int, length: int) -> bytes:
        return read_range(path, start, length)

    try:
        size = _size(path, read_range) if size is None else size
        return read_remote_header(read, size, name=path)
    except HubtoolError:
        return None


def _size(path: str, read_range: ReadRange) -> int:
    """Size of a file in bytes, found by looking for its last byte."""
    above = 1
    while read_range(path, above - 1, 1):
        above *= 2
    below = above // 2
    while above - below > 1:
        middle = (above + below) // 2
        if read_range(path, middle - 1, 1):
            below = middle
        else:
            above = middle
    return below
