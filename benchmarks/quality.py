"""KL to the base on held-out text: hubtool's quant beside uniform 4-bit ones, in one run.

    python benchmarks/quality.py [MODEL_DIR] [--target-bpw 5.0] [--tokens 1024] [--json]

MODEL_DIR defaults to SmolLM2-135M-Instruct, built from a package on the registry (extra
``demo``). All artefacts are compared over the same tokens of ``heldout.txt``, which is not in
the calibration mix. ``deciding`` is the time to measure sensitivities and allocate.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

from hubtool.artifact.stats import QuantStats
from hubtool.console import Console
from hubtool.quantize.allocation import Allocation, ComponentWidth, spend_budget
from hubtool.quantize.blas import describe_blas, prefer_fast_blas
from hubtool.quantize.calibration import load_mix
from hubtool.quantize.convert import quantize_folder
from hubtool.quantize.divergence import KlResult, mean_kl
from hubtool.quantize.sensitivity import Sensitivity, measure_sensitivity

HELDOUT = Path(__file__).parent / "heldout.txt"


@dataclasses.dataclass(frozen=True)
class Row:
    """One artefact."""

    name: str
    stats: QuantStats
    kl: KlResult
    deciding_seconds: float | None


def uniform(sensitivity: Sensitivity, bits: int, group_size: int) -> Allocation:
    """Every component at one width, as plain mlx-lm converts."""
    components = tuple(
        ComponentWidth(one.name, bits, one.parameters, "uniform") for one in sensitivity.components
    )
    return Allocation(components, (bits,), group_size, float(bits), float(bits), measured=False)


def compare(model: Path, work: Path, target_bpw: float, tokens: int, calibration: int) -> list[Row]:
    """hubtool's quant and two uniform ones of ``model``, on the same held-out tokens."""
    console = Console.for_process()
    started = time.monotonic()
    sensitivity = measure_sensitivity(
        model,
        candidate_bits=(4, 8),
        group_size=64,
        mix=load_mix(None),
        tokens=calibration,
        seed=0,
        checkpoint_folder=work / "measure",
        console=console,
    )
    allocation = spend_budget(sensitivity, target_bpw)
    seconds = time.monotonic() - started
    cases = [
        (f"hubtool {target_bpw:g} bpw, 4/8 bit", allocation, seconds),
        ("uniform 4-bit, groups of 64", uniform(sensitivity, 4, 64), None),
        ("uniform 4-bit, groups of 32", uniform(sensitivity, 4, 32), None),
    ]
    rows = []
    for number, (name, widths, taken) in enumerate(cases):
        folder = work / f"quant-{number}"
        stats = quantize_folder(model, folder, widths, console)
        kl = mean_kl(model, folder, HELDOUT.read_text("utf-8"), tokens=tokens, console=console)
        rows.append(Row(name, stats, kl, taken))
    return rows


def table(rows: list[Row]) -> str:
    """The rows for people, and each KL as a ratio to the first row's."""
    head = (
        f"{'artefact':<30} {'nominal':>8} {'stored':>7} {'KL nats/token':>18} {'ratio':>6} "
        f"{'top-1':>6} {'deciding':>9}"
    )
    lines = [head]
    for row in rows:
        kl = f"{row.kl.mean_nats:.4f} +- {row.kl.standard_error_nats:.4f}"
        deciding = f"{row.deciding_seconds:.0f} s" if row.deciding_seconds is not None else "-"
        lines.append(
            f"{row.name:<30} {row.stats.nominal_bpw:>8.3f} {row.stats.stored_bpw:>7.3f} {kl:>18} "
            f"{row.kl.mean_nats / rows[0].kl.mean_nats:>6.2f} {row.kl.top1_agreement:>6.1%} "
            f"{deciding:>9}"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse, build, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, help="folder of a base model")
    parser.add_argument("--target-bpw", type=float, default=5.0)
    parser.add_argument("--tokens", type=int, default=1024, help="held-out tokens to compare on")
    parser.add_argument("--calibration-tokens", type=int, default=3072)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    blas = describe_blas(prefer_fast_blas())
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        model = options.model
        if model is None:
            from hubtool.demo.smollm2 import build_smollm2

            model = build_smollm2(work / "base", Console.for_process())
        rows = compare(model, work, options.target_bpw, options.tokens, options.calibration_tokens)
    if options.json:
        print(json.dumps([dataclasses.asdict(row.kl) | {"name": row.name} for row in rows]))
    else:
        print(f"{rows[0].kl.positions} held-out positions; {blas}\n{table(rows)}")


if __name__ == "__main__":
    main()
