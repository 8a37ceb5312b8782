"""Memory that this process may still take by the limits set for it, where any are."""

from __future__ import annotations

import sys
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def bytes_left_by_limits(proc: Path = Path("/proc/self"), cgroups: Path = _CGROUPS) -> int | None:
    """The least that ``ulimit`` and the control group leave; None where nothing is limited.

    Counted are ``ulimit -d`` (private memory), ``ulimit -v`` (address space) and
    the memory limit of the group of either version. Linux only.
    """
    if sys.platform != "linux":
        return None
    import resource

    left = _left_by_group(proc, cgroups)
    for limit, field in ((resource.RLIMIT_DATA, "VmData"), (resource.RLIMIT_AS, "VmSize")):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY:
            left.append(most - _status_bytes(proc, field))
    return max(0, min(left)) if left else None


def _status_bytes(proc: Path, field: str) -> int:
    for line in (proc / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    return 0


def _left_by_group(proc: Path, cgroups: Path) -> list[int]:
    """What each control group of the process leaves; cached files can be given up."""
    left = []
    for line in (proc / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            folder, names = cgroups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
            cached = "total_inactive_file"
        elif not controllers:
            folder, names, cached = cgroups, ("memory.max", "memory.current"), "inactive_file"
        else:
            continue
        for group in _upwards(folder, path):
            try:
                most, used = ((group / name).read_text().strip() for name in names)
                stat = dict(
                    line.split() for line in (group / "memory.stat").read_text().split("\n") if line
                )
            except (OSError, ValueError):
                continue
            if most != "max":
                left.append(int(most) - int(used) + int(stat.get(cached, 0)))
    return left


def _upwards(folder: Path, path: str) -> list[Path]:
    """The group and those it lies in: each can have a limit."""
    parts = [part for part in path.split("/") if part and part != ".."]
    return [folder.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
