"""The quants that benchmarks/quality.py compares: hubtool's, mlx-lm's and mlx-optiq's.

Every decision and every quant is made by a process of its own, and kept for a later run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from hubtool.artifact.stats import stats_of_folder
from hubtool.quantize.blas import prefer_fast_blas
from hubtool.quantize.calibration import load_mix
from hubtool.records import write_whole

PEERS = Path(__file__).parent / "peers"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
DEFAULT = "default"  # hubtool's own rounding


@dataclasses.dataclass
class Row:
    """One quant. Seconds are of CPU; scores follow when all are made."""

    name: str
    folder: Path
    stored_bpw: float
    decide: float | None
    convert: float
    scores: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Whether hubtool decided."""
        return self.name.startswith("hubtool")


class Maker:
    """Makes quants of one base under a folder; what is there from an earlier run is kept."""

    def __init__(self, base: Path, work: Path, options: argparse.Namespace) -> None:
        self.base, self.work, self.options = base.absolute(), work.absolute(), options
        self.rows: list[Row] = []
        self.work.mkdir(parents=True, exist_ok=True)
        self._slots = threading.Semaphore(options.jobs)

    def make(self, name: str, decide: float | None, write: Callable[[Path], list[str]]) -> None:
        """Add the row ``name``, made by the command that ``write`` gives for a folder."""
        folder = self.work / re.sub(r"[^a-z0-9.]+", "-", name.lower())
        seconds = self._timed(folder, write(folder))
        self.rows.append(Row(name, folder, stats_of_folder(folder).stored_bpw, decide, seconds))

    def decide(self, file: str, command: Callable[[Path], list[str]]) -> tuple[Path, float]:
        """(file, CPU seconds) of a decision."""
        out = self.work / file
        return out, self._timed(out, command(out))

    @property
    def windows(self) -> Path:
        """The calibration tokens that hubtool reads, for the others."""
        from hubtool.quantize.loading import load_tokenizer

        tokens = self.options.calibration_tokens
        found = load_mix().token_windows(load_tokenizer(self.base), tokens)
        file = self.work / f"windows-{tokens}.json"
        write_whole(file, json.dumps([list(one.tokens) for one in found]))
        return file

    def _timed(self, result: Path, command: list[str]) -> float:
        """CPU seconds of ``command``, which makes ``result``; those of an earlier run if it did."""
        note = result.with_name(result.name + ".seconds")
        if result.exists() and note.is_file():
            return float(note.read_text())
        with self._slots, tempfile.TemporaryFile("w+") as log:
            print(f"  {' '.join(command)}", file=sys.stderr)
            process = subprocess.Popen(
                command,
                env={**os.environ, **dict.fromkeys(THREADS, "1"), **_preload(command)},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                log.seek(0)
                raise SystemExit(f"{' '.join(command)} failed:\n{log.read()[-3000:]}")
        seconds = used.ru_utime + used.ru_stime
        note.write_text(f"{seconds}\n")
        return seconds


def at_once(tasks: Sequence[Callable[[], None]]) -> None:
    """Run all tasks in threads; the commands inside wait for a slot. Raises what the first did."""
    with ThreadPoolExecutor(max(1, len(tasks))) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()


def _preload(command: Sequence[str]) -> dict[str, str]:
    """The BLAS that hubtool takes, for a peer that looks for none."""
    blas = prefer_fast_blas()
    return {"LD_PRELOAD": blas} if blas and command[0] != sys.executable else {}


def make_ours(maker: Maker, asked: str, sizes: Sequence[str]) -> None:
    """hubtool's quants with one rounding (``name`` or ``name:tokens``): measured once, spent often.

    The tokens of a rounding are those that it reads itself; else as many as are measured on.
    """
    options = maker.options
    rounding, _, own_tokens = asked.partition(":")
    flags = [] if rounding == DEFAULT else ["--rounding", rounding]
    choices = []
    for key in ("candidate_bits", "group_sizes"):
        if getattr(options, key):
            choices += [f"--{key.replace('_', '-')}", getattr(options, key)]
    tokens = str(options.calibration_tokens)
    setting = " ".join([rounding, *choices[1::2], f"{tokens} tokens"])
    # a folder of its own: the checkpoint of a measurement lies beside its file
    place = maker.work / re.sub(r"[^a-z0-9]+", "-", f"ours {setting}")
    place.mkdir(exist_ok=True)
    measured, seconds = maker.decide(
        f"{place.name}/sensitivity.json",
        lambda out: _hubtool(
            "measure", maker.base, "--out", out, "--tokens", tokens, *flags, *choices
        ),
    )

    def make(size: str) -> None:
        maker.make(
            f"hubtool {size}, {setting}{f', rounded on {own_tokens}' if own_tokens else ''}",
            seconds,
            lambda folder: _hubtool(
                *("quantize", maker.base, "--out", folder, "--sensitivity", measured),
                *("--stored-bpw", size, *flags, *choices),
                *text_flags(rounding, own_tokens or tokens),
            ),
        )

    at_once([partial(make, size) for size in sizes])


def text_flags(rounding: str, tokens: str) -> list[str]:
    """Flags for the text that rounding reads; nearest reads none, and hubtool refuses them."""
    return [] if rounding == "nearest" else ["--calibration-tokens", tokens]


def make_uniform(maker: Maker, sizes: Sequence[str]) -> None:
    """What ``mlx_lm.convert -q`` makes by itself; a size is bits or bits/group."""

    def make(size: str) -> None:
        bits, _, group = size.partition("/")
        code = (
            "import sys; from hubtool.quantize.blas import prefer_fast_blas; prefer_fast_blas();"
            "from mlx_lm import convert; convert(sys.argv[1], sys.argv[2], quantize=True,"
            f"q_bits={int(bits)}, q_group_size={int(group or 64)})"
        )
        maker.make(
            f"mlx-lm uniform {bits} g{group or 64}",
            None,
            lambda folder: [sys.executable, "-c", code, str(maker.base), str(folder)],
        )

    at_once([partial(make, size) for size in sizes])


def make_rounded(maker: Maker, ways: Sequence[str]) -> None:
    """What mlx-lm's own AWQ and GPTQ make of four bits, on the same tokens."""
    script = str(PEERS / "mlx_lm_quant.py")

    def make(way: str) -> None:
        maker.make(
            f"mlx-lm {way} 4 g64",
            None,
            lambda folder: [
                *(sys.executable, script),
                *(str(maker.base), str(maker.windows), str(folder), way),
            ],
        )

    at_once([partial(make, way) for way in ways])


def make_peer(maker: Maker, name: str, python: str, script: str, target: str) -> None:
    """What another tool decides at ``target`` of its own budget, written by mlx-lm as decided."""
    tokens = maker.options.calibration_tokens
    decided, _ = maker.decide(
        f"{script}-{tokens}-{target}.json",
        lambda out: [
            *(python, str(PEERS / f"{script}.py"), str(maker.base), str(maker.windows), str(out)),
            *("--target-bpw", target),
        ],
    )
    maker.make(
        f"{name} {target}",
        json.loads(decided.read_text())["cpu_seconds"],  # without loading the model
        lambda folder: [
            *(sys.executable, str(PEERS / "write.py")),
            *map(str, (maker.base, decided, folder)),
        ],
    )


def _hubtool(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "hubtool", *map(str, arguments)]
