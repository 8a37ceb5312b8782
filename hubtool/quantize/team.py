"""Several processes that measure together, as ``mlx.launch`` starts them.

Each computes a share; what they found goes around as JSON text, in which a
float keeps all of its digits, and is added in the order of the ranks. The
transport is mlx's own (ring over TCP, MPI, JACCL).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.quantize.method import Sums

if TYPE_CHECKING:
    import mlx.core as mx

# what mlx.launch and mpirun set in the processes that they start
_MARKS = ("MLX_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK")


@dataclasses.dataclass(frozen=True)
class Team:
    """This process's place. A team of one sends nothing and adds nothing."""

    rank: int = 0
    size: int = 1
    group: mx.distributed.Group | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def gathered(self, value: Any) -> list[Any]:
        """What every process has, in the order of ranks. All must call it."""
        import mlx.core as mx
        import numpy as np

        if self.size == 1:
            return [value]
        text = np.frombuffer(json.dumps(value).encode(), np.uint8)
        lengths = self._gather(mx.array([len(text)], dtype=mx.int32))
        longest = max(int(length) for length in lengths)
        padded = np.zeros(longest, np.uint8)
        padded[: len(text)] = text
        rows = self._gather(mx.array(padded)).reshape(self.size, longest)
        return [
            json.loads(bytes(row[: int(length)])) for row, length in zip(rows, lengths, strict=True)
        ]

    def from_lead(self, value: Any) -> Any:
        """The first process's ``value``."""
        return self.gathered(value if self.leads else None)[0]

    def added(self, sums: Sums) -> Sums:
        """The sums of all processes, added exactly and rounded once."""
        if self.size == 1:
            return sums
        return add(self.gathered(sums))

    def _gather(self, array: mx.array) -> Any:
        import mlx.core as mx
        import numpy as np

        return np.asarray(mx.distributed.all_gather(array, group=self.group, stream=mx.cpu))


def join_team() -> Team:
    """The team that this process was started in; of one where nobody started a team."""
    if not any(mark in os.environ for mark in _MARKS):
        return Team()
    import mlx.core as mx

    _fill_standard_input()
    group = mx.distributed.init()
    return Team(group.rank(), group.size(), group)


def _fill_standard_input() -> None:
    """Let ``mlx.launch`` rest: it polls for room in the pipe to us, and takes a whole core for it.

    Nothing is ever read from that pipe. Only Linux opens the other end of one's own pipe.
    """
    if not Path("/proc/self/fd/0").is_fifo():
        return
    with contextlib.suppress(OSError):  # a refusal costs no more than that core
        end = os.open("/proc/self/fd/0", os.O_WRONLY | os.O_NONBLOCK)
        try:
            while os.write(end, bytes(4096)):
                pass
        finally:
            os.close(end)


def add(parts: Sequence[Sums]) -> Sums:
    """Sums by component and choice over ``parts``."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: {
            key: math.fsum(part[name][key] for part in parts if name in part)
            for key in next(part[name] for part in parts if name in part)
        }
        for name in names
    }
