"""Time, memory and agreement of three measurements of the same model on the same tokens.

    python benchmarks/sensitivity.py [MODEL_DIR] [--json -]
    python benchmarks/sensitivity.py BASE --optiq OPTIQ_VENV/bin/python

Rows: hubtool's one pass at its defaults (every width, group size and rounding) and at the widths
of the sweeps; its exact sweep; and with ``--optiq`` that of mlx-optiq, asked for its sensitivities
only (its predicate reaches mlx-lm by position and is taken for another argument, so the file that
it writes itself is uniform 4 bit). Each is a process of its own with one thread of the same BLAS.
``cpu`` is seconds of processor time, the fair column on a machine that does other work; it holds
loading the model. ``rank`` is Spearman's correlation with hubtool's exact sweep for each width,
``differs`` the largest difference from it in nats.

All read a float32 copy of MODEL_DIR: mlx-optiq rounds one, hubtool what is stored. mlx-optiq takes
the mean of the windows' means and hubtool that of all positions: at 504 tokens all windows of the
mix have the same length, and the two are the same.

MODEL_DIR defaults to SmolLM2-135M-Instruct, built from a package on the registry (extra ``demo``).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hubtool.console import Console, format_bytes
from hubtool.quantize.blas import VARIABLE, prefer_fast_blas

PEER = Path(__file__).parent / "peers" / "optiq_allocation.py"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

Nats = dict[str, dict[str, float]]  # component -> width -> KL in nats a token


@dataclasses.dataclass(frozen=True)
class Row:
    """One measurement. ``rank`` and ``differs`` are against hubtool's exact sweep, by width."""

    name: str
    widths: str
    tokens: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    kl: Nats
    rank: dict[str, float] = dataclasses.field(default_factory=dict)
    differs: dict[str, float] = dataclasses.field(default_factory=dict)


def run(command: Sequence[str], preload: str | None = None) -> tuple[float, float, int]:
    """Seconds, processor seconds and peak bytes of a process that must succeed."""
    environment = {**os.environ, **ONE_THREAD}
    if preload:
        environment["LD_PRELOAD"] = preload
    started = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[1]} ended with {process.returncode}:\n{said[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * unit


def in_float32(model: Path, folder: Path) -> Path:
    """A copy of ``model`` with its weights in float32."""
    import mlx.core as mx

    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    for file in model.glob("*.safetensors"):
        wide = {name: array.astype(mx.float32) for name, array in mx.load(str(file)).items()}
        mx.save_safetensors(str(folder / file.name), wide, {"format": "mlx"})
    config = json.loads((model / "config.json").read_text())
    config |= {"torch_dtype": "float32", "dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def measure(model: Path, work: Path, method: str, bits: str | None, tokens: int) -> Row:
    """``hubtool measure`` in a process of its own: at its defaults, or at ``bits`` with group size
    64 and nearest rounding."""
    out = work / f"{method}.json"
    command = [sys.executable, "-m", "hubtool", "measure", str(model), "--out", str(out)]
    command += ["--method", method, "--reference", "bf16", "--tokens", str(tokens)]
    if bits is not None:
        command += ["--candidate-bits", bits, "--group-sizes", "64", "--rounding", "nearest"]
    taken = run(command)
    record = json.loads(out.read_text())
    kl = {one["name"]: one["kl"] for one in record["components"]}
    tried = ",".join(map(str, record["candidate_bits"]))
    if len(record["group_sizes"]) > 1:
        tried += f" x {len(record['group_sizes'])} group sizes, {record['rounding']}"
    return Row(f"hubtool {method}", tried, record["calibration"]["tokens"], *taken, kl)


def sweep_of_optiq(model: Path, work: Path, python: str, bits: str, tokens: int) -> Row:
    """mlx-optiq's exact sweep over the windows that hubtool reads."""
    from hubtool.quantize.calibration import load_mix
    from hubtool.quantize.loading import load_tokenizer

    windows = load_mix().token_windows(load_tokenizer(model), tokens)
    given, out = work / "windows.json", work / "optiq.json"
    given.write_text(json.dumps([window.tokens for window in windows]))
    command = [python, str(PEER), str(model), str(given), str(out), "--candidate-bits", bits]
    blas = os.environ.get(VARIABLE) or prefer_fast_blas()
    if not blas:
        raise SystemExit("no OpenBLAS was found for mlx-optiq: install one, or HUBTOOL_BLAS=off")
    taken = run(command, blas if blas != "off" else None)
    report = json.loads(out.read_text())
    kl = report["sensitivities"]
    return Row("mlx-optiq exact", bits, report["tokens"], *taken, kl)


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation; equal values get ranks in their order."""
    ranks = []
    for values in (first, second):
        order = sorted(range(len(values)), key=values.__getitem__)
        rank = [0.0] * len(values)
        for place, index in enumerate(order):
            rank[index] = place
        ranks.append(rank)
    count = len(first)
    squares = sum((a - b) ** 2 for a, b in zip(*ranks, strict=True))
    return 1 - 6 * squares / (count * (count**2 - 1))


def against(row: Row, exact: Row) -> Row:
    """``row`` with its agreement with ``exact``, over components and widths that both have."""
    rank, differs = {}, {}
    for width in next(iter(exact.kl.values())):
        names = [name for name in exact.kl if width in row.kl.get(name, {})]
        if names:
            mine = [row.kl[name][width] for name in names]
            theirs = [exact.kl[name][width] for name in names]
            rank[width] = spearman(mine, theirs)
            differs[width] = max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
    return dataclasses.replace(row, rank=rank, differs=differs)


def table(rows: Sequence[Row]) -> str:
    """The rows for people; ``ratio`` is processor time over that of the first row."""
    head = ("measurement", "widths", "tokens", "seconds", "cpu", "ratio", "peak", "rank", "differs")
    lines = [head]
    for row in rows:
        lines.append(
            (
                row.name,
                row.widths,
                str(row.tokens),
                f"{row.seconds:.0f}",
                f"{row.cpu_seconds:.0f}",
                f"{row.cpu_seconds / rows[0].cpu_seconds:.1f}",
                format_bytes(row.peak_bytes),
                " ".join(f"{width}:{value:.3f}" for width, value in row.rank.items()),
                " ".join(f"{width}:{value:.1e}" for width, value in row.differs.items()),
            )
        )
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def compare(options: argparse.Namespace, work: Path) -> list[Row]:
    """All measurements; the one pass comes first."""
    model: Path | None = options.model
    if model is None:
        from hubtool.demo.smollm2 import build_smollm2

        model = build_smollm2(work / "base", Console.for_process())
    model = in_float32(model, work / "float32")
    exact = measure(model, work, "exact", options.bits, options.tokens)
    usual, alike = (
        measure(model, work, "fisher", bits, options.tokens) for bits in (None, options.bits)
    )
    rows = [usual, against(alike, exact), exact]
    if options.optiq:
        theirs = sweep_of_optiq(model, work, options.optiq, options.bits, options.tokens)
        rows.append(against(theirs, exact))
    return rows


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, help="folder of a base model")
    parser.add_argument("--tokens", type=int, default=504)
    parser.add_argument("--bits", default="4,8", help="widths of the exact sweeps")
    parser.add_argument("--optiq", help="python of an environment with mlx-optiq")
    parser.add_argument("--json", metavar="FILE", help="write the rows there as well; - for stdout")
    options = parser.parse_args()
    prefer_fast_blas()  # before mlx is imported: the library found is handed to mlx-optiq as well
    with tempfile.TemporaryDirectory() as work:
        rows = compare(options, Path(work))
    text = json.dumps([dataclasses.asdict(row) for row in rows], indent=1)
    if options.json and options.json != "-":
        Path(options.json).write_text(text + "\n")
    print(text if options.json == "-" else table(rows))


if __name__ == "__main__":
    main()
