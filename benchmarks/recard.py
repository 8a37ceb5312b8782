"""The same change to 200 cards: a loop as people write it today, and ``hubtool recard``.

    python benchmarks/recard.py [--repos 200] [--latency-ms 50] [--json -]

The change: ``base_model_relation: quantized`` in every front matter, and another banner. The
loop is ``ModelCard.load``, edit, ``push_to_hub``, then ``metadata_update``: what huggingface_hub
offers for it. Both talk to a local Hub that waits before each answer, each in a process of
its own whose start counts, each on a fresh copy of the organisation; afterwards every card is read
back and must say both things. hubtool does more in that time: it writes all blocks anew from the
headers of the weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests.support: the cards of the fleet

from hubtool.console import format_bytes
from hubtool.localhub.faults import Fault
from hubtool.localhub.server import RunningHub, start_local_hub
from hubtool.localhub.store import Store
from tests.support.localhub import client_environment
from tests.support.quant_kinds import optiq_made

ORG = "lab"
OLD_BANNER = re.compile(r"^> Built with \[mlx-optiq\].*$", re.MULTILINE)
BRAND = """name: Reading room
banner: Made by the reading room of {org}.
naming: "{base}-OptiQ-{bits}bit"
method_name: sensitivity-guided bit allocation
convert_command: hubtool release {base} --org YOUR-ORG --target-bpw {target_bpw}
"""
NEW_BANNER = f"Made by the reading room of {ORG}."


@dataclasses.dataclass(frozen=True)
class Way:
    """What one way of doing it cost."""

    seconds: float
    requests: int
    commits: int
    sent: int  # bytes that the Hub answered with
    by_kind: dict[str, int]


def the_loop(endpoint: str) -> None:
    """What a maintainer's script does; runs in a process of its own."""
    from huggingface_hub import HfApi, ModelCard, metadata_update

    for model in HfApi(endpoint=endpoint).list_models(author=ORG):
        card = ModelCard.load(model.id)
        card.text = OLD_BANNER.sub(f"> {NEW_BANNER}", card.text)
        card.push_to_hub(model.id)
        metadata_update(model.id, {"base_model_relation": "quantized"})


def main() -> None:
    """Run both, check both, print the table or one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repos", type=int, default=200)
    parser.add_argument("--latency-ms", type=float, default=50.0, help="before each answer")
    parser.add_argument("--concurrency", type=int, help="of hubtool; default: its own default")
    parser.add_argument("--json", metavar="-", help="one line of figures; - prints it")
    parser.add_argument("--loop", metavar="URL", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.loop:
        the_loop(wanted.loop)
        return
    with TemporaryDirectory(prefix="hubtool-recard-") as temporary:
        root = Path(temporary)
        brand = root / "reading-room.yaml"
        brand.write_text(BRAND)
        hubtool = [sys.executable, "-m", "hubtool", "recard"]
        many = ["--concurrency", str(wanted.concurrency)] if wanted.concurrency else []
        plan = [*hubtool, "plan", "--org", ORG, "--brand", str(brand), *many]
        apply = [*hubtool, "apply", "plan.json", "--yes", *many]
        loop = [sys.executable, str(Path(__file__).absolute()), "--loop"]
        by_hubtool = measured(root / "hubtool", wanted, [plan, apply])
        today = measured(root / "today", wanted, [loop])
    figures = {
        "speedup": round(today.seconds / by_hubtool.seconds, 2),
        "requests_per_repo": round(by_hubtool.requests / wanted.repos, 2),
        "requests_per_repo_today": round(today.requests / wanted.repos, 2),
        "seconds": round(by_hubtool.seconds, 2),
        "seconds_today": round(today.seconds, 2),
        "commits_per_repo": by_hubtool.commits / wanted.repos,
        "commits_per_repo_today": today.commits / wanted.repos,
        "repos": wanted.repos,
        "latency_ms": wanted.latency_ms,
    }
    if wanted.json:
        line = json.dumps(figures)
        print(line) if wanted.json == "-" else Path(wanted.json).write_text(line + "\n")
        return
    show(today, by_hubtool, wanted.repos, wanted.latency_ms)


def measured(root: Path, wanted: argparse.Namespace, commands: list[list[str]]) -> Way:
    """Seed an organisation, run the commands against its Hub, read every card back."""
    repos = seed(root, wanted.repos)
    with start_local_hub(root / "hub") as running:
        running.faults.append(Fault("*", latency=wanted.latency_ms / 1000))
        environment = client_environment(running, root / "home") | {
            "XDG_CACHE_HOME": str(root / "cache"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        start = time.perf_counter()
        for command in commands:
            whole = [*command, running.url] if command[-1] == "--loop" else command
            done = subprocess.run(whole, cwd=root, env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        seconds = time.perf_counter() - start
        log = list(running.log)
        for repo in repos:
            require_changed(running, repo)
    commits = sum(one.method == "POST" and "/commit/" in one.path for one in log)
    kinds = Counter(f"{one.method} {kind_of(one.path)}" for one in log)
    return Way(seconds, len(log), commits, sum(one.bytes_sent for one in log), dict(kinds))


def seed(root: Path, count: int) -> list[str]:
    """``count`` quants with the cards that mlx-optiq's maintainers publish."""
    with Store(root / "hub") as store:
        store.create_org(ORG)
        repos = [f"{ORG}/model-{number:04}-OptiQ-4bit" for number in range(count)]
        for number, repo in enumerate(repos):
            folder = root / "made" / str(number)
            optiq_made(folder, repo)
            store.seed_repo(repo, folder)
    return repos


def require_changed(running: RunningHub, repo: str) -> None:
    """Stop the benchmark if a card does not say both things."""
    text = running.store.read(repo, "main", "README.md").decode()
    if "base_model_relation: quantized" not in text or NEW_BANNER not in text:
        raise SystemExit(f"{repo} was not changed:\n{text[:800]}")


def kind_of(path: str) -> str:
    """The last telling part of a request's path."""
    for name in ("resolve", "preupload", "commit", "validate-yaml", "whoami"):
        if f"/{name}" in path:
            return name
    return "list" if path == "/api/models" else path.split("/")[2]


def show(today: Way, ours: Way, repos: int, latency_ms: float) -> None:
    """The table for people."""
    print(f"{repos} repos, {latency_ms:.0f} ms before each answer        today     hubtool")
    rows = {
        "wall time, s": (f"{today.seconds:.1f}", f"{ours.seconds:.1f}"),
        "requests a repo": (f"{today.requests / repos:.2f}", f"{ours.requests / repos:.2f}"),
        "commits a repo": (f"{today.commits / repos:.2f}", f"{ours.commits / repos:.2f}"),
        "served": (format_bytes(today.sent), format_bytes(ours.sent)),
    }
    for name, (left, right) in rows.items():
        print(f"  {name:<40}{left:>10}{right:>12}")
    for kind in sorted({*today.by_kind, *ours.by_kind}):
        left, right = today.by_kind.get(kind, 0), ours.by_kind.get(kind, 0)
        print(f"    {kind:<38}{left:>10}{right:>12}")
    print(f"hubtool is {today.seconds / ours.seconds:.1f} times faster, in one run")


if __name__ == "__main__":
    main()
