"""What planning costs a repo, at 100, 1,000 and 10,000 of them: requests, bytes, time, memory.

    python benchmarks/recard_scale.py [--repos 100 1000 10000] [--apply] [--json -]

A local Hub holds copies of a few quants of every kind that a plan meets; each ``hubtool recard``
is a process of its own whose peak memory is its own. A first plan reads everything, a second
only the listing. ``--apply`` sends the plan as well. The last columns say what the same requests
take on the real Hub at the pace that hubtool keeps there, by counting, not by waiting.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests.support: the cards of the fleet

from hubtool.console import format_bytes, format_seconds
from hubtool.hub.budget import RateBudget, purse_of
from hubtool.localhub.server import RunningHub, start_local_hub
from hubtool.localhub.store import Store
from tests.support.fleet import FAULTY
from tests.support.localhub import client_environment
from tests.support.quant_kinds import KINDS, optiq_made

ORG = "lab"
REAL_HUB = "https://huggingface.co"
PATTERNS = [kind for kind, (_, ours) in KINDS.items() if ours and kind not in FAULTY]


@dataclasses.dataclass(frozen=True)
class Run:
    """One command over ``repos`` repos."""

    what: str
    repos: int
    seconds: float
    cpu_s: float  # of hubtool's own process
    peak_mb: float
    requests: int
    served: int  # bytes
    paced_s: float  # the same requests at the pace that is kept on the real Hub


def main() -> None:
    """Run each size, print the table or one line of figures a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repos", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--apply", action="store_true", help="send the plans as well")
    parser.add_argument("--json", metavar="-", help="one line of figures a run; - prints them")
    wanted = parser.parse_args()
    runs: list[Run] = []
    for count in wanted.repos:
        with TemporaryDirectory(prefix="hubtool-recard-scale-") as temporary:
            found = measured(Path(temporary), count, apply=wanted.apply)
        runs += found
        if not wanted.json:
            for run in found:
                show(run, first=run is runs[0])
    if wanted.json:
        lines = "".join(json.dumps(dataclasses.asdict(run)) + "\n" for run in runs)
        print(lines, end="") if wanted.json == "-" else Path(wanted.json).write_text(lines)


def measured(root: Path, count: int, *, apply: bool) -> list[Run]:
    """Seed ``count`` repos, then plan, plan again and, if asked, apply."""
    seed(root, count)
    commands = {
        "first plan": ["plan", "--org", ORG, "--out", "plan.json"],
        "second plan": ["plan", "--org", ORG, "--out", "again.json"],
    }
    if apply:
        commands["apply"] = ["apply", "plan.json", "--yes"]
    with start_local_hub(root / "hub") as running:
        return [run(running, root, what, count, words) for what, words in commands.items()]


def seed(root: Path, count: int) -> None:
    """One quant of each pattern, and copies of them until there are enough."""
    with Store(root / "hub") as store:
        store.create_org(ORG)
        sources = []
        for kind in PATTERNS[:count]:
            repo = f"{ORG}/{kind}"
            KINDS.get(kind, (optiq_made, True))[0](root / "made" / kind, repo)
            store.seed_repo(repo, root / "made" / kind)
            sources.append(store.repos.get(repo))
        for number in range(count - len(sources)):
            source = sources[number % len(sources)]
            store.duplicate(source, f"{ORG}/copy-{number:05}", "local", private=False)


def run(running: RunningHub, root: Path, what: str, count: int, words: list[str]) -> Run:
    """One command as a child, with what the Hub saw of it and what the system counted."""
    environment = client_environment(running, root / "home") | {
        "XDG_CACHE_HOME": str(root / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    first, start = len(running.log), time.perf_counter()
    with (root / "out.txt").open("w") as out:
        command = [sys.executable, "-m", "hubtool", "recard", *words]
        child = subprocess.Popen(command, cwd=root, env=environment, stdout=out, stderr=out)
        peak = Peak(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if child.returncode != 0:
        raise SystemExit((root / "out.txt").read_text()[-3000:])
    log = running.log[first:]
    plan = root / words[words.index("--out") + 1] if "--out" in words else None
    return Run(
        what,
        count,
        seconds,
        usage.ru_utime + usage.ru_stime,
        peak.bytes / 1e6,
        len(log),
        sum(one.bytes_sent for one in log),
        paced(Counter(purse_of(one.path) for one in log), log_commits(log)),
        plan.stat().st_size if plan else 0,
    )


class Peak:
    """The most memory that a process holds, looked at every 20 ms in a thread of its own.

    What the system says of an ended child counts the memory of whoever started it as well.
    """

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._process = psutil.Process(pid)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with contextlib.suppress(psutil.Error):
            while True:
                self.bytes = max(self.bytes, self._process.memory_info().rss)
                time.sleep(0.02)


def log_commits(log: list[Any]) -> int:
    """How many of the requests are commits."""
    return sum(one.method == "POST" and "/commit/" in one.path for one in log)


def paced(by_purse: Counter[Any], commits: int) -> float:
    """Seconds that the budget makes such a run take: the slowest of its limits."""
    budget = RateBudget.for_hub(REAL_HUB)
    waits = [budget.seconds_for(purse, count) for purse, count in by_purse.items() if purse]
    return max([*waits, budget.seconds_for("commit", commits)])


def show(run: Run, *, first: bool) -> None:
    """One line of the table."""
    if first:
        print(
            "repos   command        requests  a repo   served a repo   seconds  ms a repo"
            "   CPU s  peak memory  at the Hub's pace"
        )
    print(
        f"{run.repos:6,}  {run.what:<12}  {run.requests:9,}  {run.requests / run.repos:6.2f}"
        f"  {format_bytes(run.served / run.repos):>14}  {run.seconds:8.1f}"
        f"  {1000 * run.seconds / run.repos:9.2f}  {run.cpu_s:6.1f}  {run.peak_mb:8.0f} MB"
        f"  {format_seconds(run.paced_s):>17}",
        flush=True,
    )


if __name__ == "__main__":
    main()
