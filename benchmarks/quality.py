"""Divergence from the base at equal size: hubtool, mlx-lm and mlx-optiq on one checkpoint and text.

    python benchmarks/quality.py [MODEL_DIR] [--json -]
    python benchmarks/quality.py BASE --text held.txt --stored-bpw 5.0,6.34 --rounding search,gptq
    python benchmarks/quality.py BASE --optiq OPTIQ_VENV/bin/python     # 25 minutes of a core more

Rows: hubtool's quant for each ``--rounding`` at each ``--stored-bpw``; mlx-lm's uniform quants
(``--uniform``) and its own AWQ and GPTQ (``--rounded``); its dynamic_quant of 4 and 8 bit at 5.0
bits per weight; and what mlx-optiq's exact sweep of 4 and 8 bit decides, written by mlx-lm with its
predicate by keyword. (mlx-optiq 0.7.7 passes it by position, which mlx-lm 0.32.2 takes for another
argument: its own file is uniform 4 bit.)

MODEL_DIR defaults to SmolLM2-135M-Instruct, built from a package on the registry (extra ``demo``).
All decide on the same ``--calibration-tokens`` of the calibration mix, one process each, one thread
of the same BLAS; ``decide`` and ``convert`` are seconds of CPU. Every row is scored by the same
scorer over the same tokens of the shipped held-out text or of ``--text``: hubtool's own, or with
``--referee SCRIPT`` one that knows nothing of hubtool (``SCRIPT BASE QUANT... --text FILE`` prints
JSON with ``quants``: name, bpw, kl, kl_p99, top1, ppl). The last column holds a row against the
best of ours of at most its size.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from quants import DEFAULT, Maker, Row, at_once, make_ours, make_peer, make_rounded, make_uniform

from hubtool.console import Console
from hubtool.quantize.blas import describe_blas, prefer_fast_blas

REFEREE_CORES = 4
AT_ONCE = 6  # quants that the referee holds in float32
SAME_SIZE = 1.002  # a quant up to this much larger counts as of one size


def score(base: Path, rows: Sequence[Row], options: argparse.Namespace, console: Console) -> None:
    """Fill in ``scores``: kl, kl_error (own scorer only), kl_p99, top1, ppl."""
    if options.referee:
        slots = threading.Semaphore(max(1, options.jobs // REFEREE_CORES))
        parts = [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
        at_once([partial(_referee, base, part, options, slots) for part in parts])
    else:
        _own_scorer(base, rows, options, console)


def _own_scorer(
    base: Path, rows: Sequence[Row], options: argparse.Namespace, console: Console
) -> None:
    from hubtool.quantize.distance import base_perplexity, distance_of
    from hubtool.quantize.divergence import compare_models, text_windows
    from hubtool.quantize.heldout import load_heldout
    from hubtool.quantize.loading import load_tokenizer
    from hubtool.quantize.predictor import Opening

    tokenizer, opening = load_tokenizer(base), Opening()
    if options.text:
        text = options.text.read_text(encoding="utf-8")
        windows = text_windows(tokenizer, text, tokens=options.tokens, window=options.window)
    else:
        found = load_heldout().token_windows(tokenizer, options.tokens, longest=options.window)
        windows = tuple(one.tokens for one in found)
    quants = {row.name: opening.quant(base, row.folder) for row in rows}
    scores = compare_models(opening.base(base), quants, windows, console)
    for row in rows:
        distance = distance_of(scores[row.name])
        perplexity = base_perplexity(scores[row.name])
        row.scores = {
            "kl": distance.mean_nats.value,
            "kl_error": (distance.mean_nats.high - distance.mean_nats.low) / 2,
            "kl_p99": distance.p99_nats.value,
            "top1": distance.top1_agreement.value,
            "ppl": perplexity * distance.perplexity_ratio.value,
            "base_ppl": perplexity,
            "positions": sum(map(len, windows)),
        }


def _referee(
    base: Path, rows: Sequence[Row], options: argparse.Namespace, slots: threading.Semaphore
) -> None:
    with slots, tempfile.TemporaryDirectory() as names:
        links = [Path(names) / str(number) for number in range(len(rows))]
        for link, row in zip(links, rows, strict=True):
            link.symlink_to(row.folder)
        command = [options.referee_python, str(options.referee), str(base), *map(str, links)]
        command += ["--text", str(options.text), "--tokens", str(options.tokens)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    for row, found in zip(rows, report["quants"], strict=True):
        row.scores = {key: found[key] for key in ("kl", "kl_p99", "top1", "ppl")}
        row.scores |= {"base_ppl": report["base"]["ppl"], "positions": report["positions"]}
        if abs(found["bpw"] - row.stored_bpw) > 0.01:
            raise SystemExit(f"{row.name}: the referee counts {found['bpw']} bits per weight")


def verdict(row: Row, rows: Sequence[Row]) -> str:
    """Whether a quant of ours of about another's size, and not larger, is nearer to the base."""
    smallest, largest = row.stored_bpw * 0.97, row.stored_bpw * SAME_SIZE
    ours = [
        one.scores["kl"] for one in rows if one.is_ours and smallest <= one.stored_bpw <= largest
    ]
    if row.is_ours or not ours:
        return ""
    ratio = row.scores["kl"] / min(ours)
    return f"{ratio:.2f} x ours" if ratio >= 1 else f"**ours is worse**, {1 / ratio:.2f} x"


def table(rows: Sequence[Row]) -> str:
    """The rows by size, for people (and Markdown)."""
    lines = [
        "| quant | stored bpw | KL, nats/token | p99 | top-1 | ppl | decide | convert | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in sorted(rows, key=lambda one: (round(one.stored_bpw, 2), -one.scores["kl"])):
        error = row.scores.get("kl_error")
        lines.append(
            f"| {row.name} | {row.stored_bpw:.3f} | {row.scores['kl']:.4f}"
            f"{'' if error is None else f' ± {error:.4f}'} | {row.scores['kl_p99']:.3f} "
            f"| {row.scores['top1']:.1%} | {row.scores['ppl']:.3f} "
            f"| {'' if row.decide is None else f'{row.decide:.0f} s'} | {row.convert:.0f} s "
            f"| {verdict(row, rows)} |"
        )
    return "\n".join(lines)


def compare(options: argparse.Namespace, work: Path, console: Console) -> list[Row]:
    """Make all quants and score them."""
    base: Path | None = options.model
    if base is None:
        from hubtool.demo.smollm2 import build_smollm2

        base = work / "base"
        if not base.is_dir():
            build_smollm2(base, console)
    maker = Maker(base, work, options)
    sizes = _listed(options.stored_bpw)
    tasks = [partial(make_ours, maker, one, sizes) for one in _listed(options.rounding)]
    tasks.append(partial(make_uniform, maker, _listed(options.uniform)))
    tasks.append(partial(make_rounded, maker, _listed(options.rounded)))
    for target in _listed(options.dynamic):
        peer = ("mlx-lm dynamic_quant 4/8", sys.executable, "dynamic_quant", target)
        tasks.append(partial(make_peer, maker, *peer))
    if options.optiq:
        peer = ("mlx-optiq exact 4/8", options.optiq, "optiq_allocation", "5.0")
        tasks.append(partial(make_peer, maker, *peer))
    at_once(tasks)
    score(base, maker.rows, options, console)
    return maker.rows


def _listed(text: str) -> list[str]:
    return [one for one in text.split(",") if one]


def main() -> None:
    """Parse, make, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, help="folder of a base model")
    parser.add_argument(
        "--stored-bpw", default="4.5,5.0,5.5,6.34,6.5,8.5", help="sizes of hubtool's quants"
    )
    parser.add_argument(
        "--rounding", default=DEFAULT, help="names, name:tokens; e.g. search,gptq:6144"
    )
    parser.add_argument("--candidate-bits", help="widths to choose from; by default hubtool's")
    parser.add_argument("--group-sizes", help="group sizes likewise")
    parser.add_argument("--uniform", default="4,4/32,5,6,8", help="bits or bits/group of mlx-lm")
    parser.add_argument("--rounded", default="awq,gptq", help="mlx-lm's own ways of rounding")
    parser.add_argument("--dynamic", default="5.0", help="budgets of mlx-lm's dynamic_quant")
    parser.add_argument("--optiq", help="python of an environment with mlx-optiq")
    parser.add_argument("--calibration-tokens", type=int, default=512)
    parser.add_argument("--text", type=Path, help="held-out text; hubtool's own if unset")
    parser.add_argument("--tokens", type=int, default=3072, help="held-out tokens to compare on")
    parser.add_argument("--window", type=int, default=256, help="tokens of a window")
    parser.add_argument("--referee", type=Path, help="script that scores instead, on --text")
    parser.add_argument("--referee-python", default=sys.executable, help="the python that runs it")
    parser.add_argument("--jobs", type=int, default=1, help="commands at a time")
    parser.add_argument("--work", type=Path, help="keep the quants here, and use what is there")
    parser.add_argument("--json", metavar="FILE", help="write the rows there as well; - for stdout")
    options = parser.parse_args()
    if options.referee and not options.text:
        parser.error("--referee needs --text")
    blas = describe_blas(prefer_fast_blas())
    with tempfile.TemporaryDirectory() as work:
        rows = compare(options, options.work or Path(work), Console.for_process())
    found = [{**dataclasses.asdict(row), "folder": row.folder.name} for row in rows]
    if options.json and options.json != "-":
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")
    if options.json == "-":
        print(json.dumps(found, indent=1))
    else:
        positions = rows[0].scores["positions"]
        print(f"{positions} held-out positions; {blas}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
