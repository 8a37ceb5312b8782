"""A weight in blocks of rows, each rounded on a core of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from hubtool.quantize.rounding.stored import by_columns

if TYPE_CHECKING:
    import mlx.core as mx
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

LEAST_ROWS = 64  # below this numpy's own overhead is most of the work


def for_blocks(rows: mx.array, elements: int, work: Callable[[slice, Floats], None]) -> None:
    """Call ``work(rows of the block, block by columns)`` for blocks of about ``elements`` weights.

    Blocks are cut by shape alone, so the result is the same on any number of
    cores. numpy lets other threads run while it computes; as many blocks as
    there are cores are in memory at once.
    """
    cores = usable_cores()
    height = max(LEAST_ROWS, elements // rows.shape[-1])
    parts = [slice(start, start + height) for start in range(0, rows.shape[0], height)]
    if cores == 1 or len(parts) == 1:
        for part in parts:
            work(part, by_columns(rows[part]))
        return
    with ThreadPoolExecutor(cores) as pool:
        for some in _batched(iter(parts), cores):
            blocks = [by_columns(rows[part]) for part in some]  # mlx stays in this thread
            list(pool.map(work, some, blocks))


def usable_cores() -> int:
    """Cores of this process, or what ``OMP_NUM_THREADS`` says."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return os.cpu_count() or 1


def _batched(parts: Iterator[slice], count: int) -> Iterator[list[slice]]:
    while some := list(itertools.islice(parts, count)):
        yield some
