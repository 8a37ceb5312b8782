"""KL to the base on held-out text: hubtool's quant beside mlx-lm's uniform ones, in one run.

    python benchmarks/quality.py [MODEL_DIR] [--target-bpw 5.0] [--candidate-bits 4,8] [--json]

MODEL_DIR defaults to SmolLM2-135M-Instruct, built from a package on the registry (extra
``demo``). All quants are compared with the base over the same tokens of ``heldout.txt``, no
eight words of which are in the calibration mix (a unit test holds that). ``deciding`` is the
time to measure sensitivities and to allocate; ``ratio`` is the KL over that of hubtool's quant.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hubtool.artifact.stats import QuantStats, stats_of_folder
from hubtool.console import SILENT, Console
from hubtool.quantize.allocation import spend_budget
from hubtool.quantize.blas import describe_blas, prefer_fast_blas
from hubtool.quantize.calibration import load_mix
from hubtool.quantize.convert import quantize_folder
from hubtool.quantize.divergence import KlResult, mean_kl
from hubtool.quantize.sensitivity import measure_sensitivity

HELDOUT = Path(__file__).parent / "heldout.txt"
GROUP_SIZE = 64
UNIFORM = (4, 5)  # bits; 5 takes as many bytes as a mix of 5.0 nominal bits per weight


@dataclasses.dataclass(frozen=True)
class Row:
    """One quant: what its bytes say, how far it is from the base, how long deciding took."""

    name: str
    stats: QuantStats
    kl: KlResult
    deciding_seconds: float | None = None


def make_mixed(
    model: Path,
    folder: Path,
    *,
    target_bpw: float,
    candidate_bits: Sequence[int],
    calibration_tokens: int,
    console: Console = SILENT,
) -> float:
    """Write hubtool's quant of ``model`` to ``folder``; returns the seconds that deciding took."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as state:
        sensitivity = measure_sensitivity(
            model,
            candidate_bits=candidate_bits,
            group_size=GROUP_SIZE,
            mix=load_mix(),
            tokens=calibration_tokens,
            seed=0,
            checkpoint_folder=Path(state),
            console=console,
        )
    allocation = spend_budget(sensitivity, target_bpw)
    seconds = time.monotonic() - started
    quantize_folder(model, folder, allocation, console)
    return seconds


def make_uniform(model: Path, folder: Path, bits: int) -> None:
    """Write what ``mlx_lm.convert`` makes of ``model`` by itself."""
    from mlx_lm import convert

    with contextlib.redirect_stdout(io.StringIO()):
        convert(str(model), str(folder), quantize=True, q_bits=bits, q_group_size=GROUP_SIZE)


def score(
    model: Path, quants: Sequence[tuple[str, Path]], tokens: int, console: Console = SILENT
) -> list[Row]:
    """Every quant against the base, over the same held-out tokens."""
    text = HELDOUT.read_text(encoding="utf-8")
    return [
        Row(
            name,
            stats_of_folder(folder),
            mean_kl(model, folder, text, tokens=tokens, console=console),
        )
        for name, folder in quants
    ]


def table(rows: Sequence[Row]) -> str:
    """The rows for people, with each KL as a ratio to the first row's."""
    head = ("quant", "nominal bpw", "stored bpw", "KL, nats/token", "ratio", "top-1", "deciding")
    lines = [head, *(_cells(row, rows[0].kl.mean_nats) for row in rows)]
    widths = [max(len(cells[place]) for cells in lines) for place in range(len(head))]
    return "\n".join(
        "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])])
        for cells in lines
    )


def _cells(row: Row, first_nats: float) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.stats.nominal_bpw:.3f}",
        f"{row.stats.stored_bpw:.3f}",
        f"{row.kl.mean_nats:.4f} ± {row.kl.standard_error_nats:.4f}",
        f"{row.kl.mean_nats / first_nats:.2f}",
        f"{row.kl.top1_agreement:.1%}",
        "" if row.deciding_seconds is None else f"{row.deciding_seconds:.0f} s",
    )


def _as_json(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        "nominal_bpw": row.stats.nominal_bpw,
        "stored_bpw": row.stats.stored_bpw,
        "deciding_seconds": row.deciding_seconds,
        **row.kl.to_json(),
    }


def compare(options: argparse.Namespace, work: Path, console: Console) -> list[Row]:
    """Make all quants and score them; hubtool's comes first."""
    model: Path | None = options.model
    if model is None:
        from hubtool.demo.smollm2 import build_smollm2

        model = build_smollm2(work / "base", console)
    mixed = f"hubtool, {options.target_bpw:g} bpw of {options.candidate_bits} bit"
    seconds = make_mixed(
        model,
        work / mixed,
        target_bpw=options.target_bpw,
        candidate_bits=[int(bits) for bits in options.candidate_bits.split(",")],
        calibration_tokens=options.calibration_tokens,
        console=console,
    )
    names = [mixed]
    for bits in UNIFORM:
        names.append(f"mlx-lm, uniform {bits} bit")
        make_uniform(model, work / names[-1], bits)
    rows = score(model, [(name, work / name) for name in names], options.tokens, console)
    return [dataclasses.replace(rows[0], deciding_seconds=seconds), *rows[1:]]


def main() -> None:
    """Parse, make, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, help="folder of a base model")
    parser.add_argument("--target-bpw", type=float, default=5.0)
    parser.add_argument("--candidate-bits", default="4,8")
    parser.add_argument("--tokens", type=int, default=2048, help="held-out tokens to compare on")
    parser.add_argument("--calibration-tokens", type=int, default=3072)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    blas = describe_blas(prefer_fast_blas())
    with tempfile.TemporaryDirectory() as work:
        rows = compare(options, Path(work), Console.for_process())
    if options.json:
        print(json.dumps([_as_json(row) for row in rows], indent=2))
    else:
        print(f"{rows[0].kl.positions} held-out positions; {blas}\n{table(rows)}")


if __name__ == "__main__":
    main()
