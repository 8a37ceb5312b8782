"""One process against several that measure together on this machine, started by ``mlx.launch``.

python benchmarks/two_processes.py MODEL [--processes 2] [--tokens 2048] [--method exact]
                                         [--candidate-bits 4]

Each process has one thread for its products. They run one after the other: all figures are of one
run, and the load that other work made is printed with them. ``difference`` is the largest relative
one of all sensitivities.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hubtool.quantize.sensitivity import Sensitivity

LAUNCH = "from mlx._distributed_utils.launch import main; main()"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def main() -> None:
    asked = arguments()
    script = str(Path(sys.executable).parent / "hubtool")
    team = [sys.executable, "-c", LAUNCH, "-n", str(asked.processes), "--python", sys.executable]
    measure = ["measure", str(asked.model), "--tokens", str(asked.tokens)]
    measure += ["--method", asked.method, "--candidate-bits", asked.candidate_bits]
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        outs = [Path(folder) / "one.json", Path(folder) / "team.json"]
        alone = timed([script, *measure, "--out", str(outs[0])])
        together = timed([*team, script, *measure, "--out", str(outs[1])])
        difference = largest_difference(*map(Sensitivity.read, outs))
    print(f"{'processes':>9} {'wall s':>8} {'CPU s':>8}")
    print(f"{1:>9} {alone[0]:>8.1f} {alone[1]:>8.1f}")
    print(f"{asked.processes:>9} {together[0]:>8.1f} {together[1]:>8.1f}")
    print(f"{alone[0] / together[0]:.2f} times faster; difference {difference:.1e}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--method", choices=["fisher", "exact"], default="fisher")
    parser.add_argument("--candidate-bits", default="3,4,5,6,8")
    return parser.parse_args()


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command with all of its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    # an open pipe that says nothing: mlx.launch spins where its standard input has ended
    process = subprocess.Popen(command, env={**os.environ, **ONE_THREAD}, stdin=subprocess.PIPE)
    if process.wait() != 0:
        raise SystemExit(process.returncode)
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def largest_difference(first: Sensitivity, second: Sensitivity) -> float:
    """Of all sensitivities, relative to the first."""
    return max(
        abs(one.kl[key] - other.kl[key]) / (one.kl[key] or 1.0)
        for one, other in zip(first.components, second.components, strict=True)
        for key in one.kl
    )


if __name__ == "__main__":
    main()
