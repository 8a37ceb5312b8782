"""What ulimit and control groups leave, from files as Linux writes them."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from hubtool.quantize.limits import bytes_left_by_limits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are read on Linux only")
STATUS = "Name:\tpython\nVmSize:\t 3000 kB\nVmData:\t 1000 kB\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc/self of a process in no group."""
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "status").write_text(STATUS)
    (folder / "cgroup").write_text("9:name=systemd:/\n")
    return folder


def group(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_without_limits_there_is_no_figure(proc: Path, tmp_path: Path) -> None:
    assert bytes_left_by_limits(proc, tmp_path) is None


@pytest.mark.parametrize(
    ("limit", "left"), [("RLIMIT_DATA", 2_000_000 - 1_024_000), ("RLIMIT_AS", 0)]
)
def test_a_ulimit_leaves_what_is_not_taken(
    proc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, left: int
) -> None:
    asked = getattr(resource, limit)

    def getrlimit(kind: int) -> tuple[int, int]:
        most = 2_000_000 if kind == asked else resource.RLIM_INFINITY
        return most, most

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    assert bytes_left_by_limits(proc, tmp_path) == left


def test_the_narrowest_group_of_version_two_counts_and_cached_files_do_not(
    proc: Path, tmp_path: Path
) -> None:
    (proc / "cgroup").write_text("0::/outer/inner\n")
    root = tmp_path / "groups"
    stat = "anon 5\ninactive_file 300\n"
    group(root / "outer", memory__max="2000\n", memory__current="900\n", memory__stat=stat)
    group(root / "outer/inner", memory__max="max\n", memory__current="1\n", memory__stat=stat)
    assert bytes_left_by_limits(proc, root) == 2000 - 900 + 300


def test_a_group_of_version_one_counts(proc: Path, tmp_path: Path) -> None:
    (proc / "cgroup").write_text("4:memory:/box\n3:cpuset:/box\n")
    group(
        tmp_path / "groups/memory/box",
        memory__limit_in_bytes="5000",
        memory__usage_in_bytes="4000",
        memory__stat="total_inactive_file 100\n",
    )
    assert bytes_left_by_limits(proc, tmp_path / "groups") == 1100
