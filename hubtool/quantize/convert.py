"""Quantize with mlx-lm, component by component, and read the result back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from hubtool.artifact.stats import QuantStats, stats_of_folder
from hubtool.console import SILENT, Console, format_bytes
from hubtool.errors import DiskFull, QuantizationDiffers
from hubtool.quantize.allocation import Allocation
from hubtool.quantize.blas import prefer_fast_blas
from hubtool.quantize.choice import UNQUANTIZED, Choice
from hubtool.quantize.loading import load_lazily
from hubtool.quantize.planned import PlannedQuant
from hubtool.quantize.rounding.apply import NEAREST, RoundingOptions, round_components

SPARE_BYTES = 16_000_000  # for headers, config, index and what others write meanwhile
# taken over byte for byte: writing a tokenizer anew can lose what a newer library put there
CARRIED = (
    "tokenizer*",
    "*.tiktoken",
    "*.model",
    "vocab*",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template*",
    "additional_chat_templates/*",
    "generation_config.json",
    "*.py",
)


def quantize_folder(
    model_folder: Path,
    out_folder: Path,
    allocation: Allocation,
    console: Console = SILENT,
    *,
    rounding: RoundingOptions = NEAREST,
    trust_remote_code: bool = False,
) -> QuantStats:
    """Write the quantized language model to ``out_folder``; returns what its bytes say.

    One component's weight is in memory at a time, whatever the size of the
    model. Equal input gives equal bytes on the same machine. The folder appears whole
    or not at all. Raises QuantizationDiffers if the written file does not hold
    the allocated widths, DiskFull before writing without room.
    """
    prefer_fast_blas()
    draft = out_folder.with_name(out_folder.name + ".partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        model = load_lazily(model_folder, trust_remote_code=trust_remote_code)
        config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
        planned = PlannedQuant(model, config, allocation)
        del model
        _require_room(model_folder, draft, planned)
        with planned.writing(draft) as write:
            round_components(
                model_folder,
                allocation,
                rounding,
                write,
                console,
                trust_remote_code=trust_remote_code,
            )
        _carry_over(model_folder, draft)
        stats = stats_of_folder(draft)
        require_as_allocated(stats, allocation)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    shutil.rmtree(out_folder, ignore_errors=True)
    draft.rename(out_folder)
    console.fact("stored bits per weight", f"{stats.stored_bpw:.3f}")
    console.fact("size", format_bytes(stats.weights_bytes))
    return stats


def require_as_allocated(stats: QuantStats, allocation: Allocation) -> None:
    """Compare what was written with what was decided; QuantizationDiffers names the first."""
    wanted = {item.name: item.choice for item in allocation.components}
    wanted = {name: choice for name, choice in wanted.items() if choice.is_quantized}
    found = {item.name: Choice(item.bits, item.group_size) for item in stats.components}
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            raise QuantizationDiffers(
                f"{name}: allocated {wanted.get(name, UNQUANTIZED)}, "
                f"written {found.get(name, UNQUANTIZED)} "
                f"({sum(wanted.get(n) != found.get(n) for n in {*wanted, *found})} components "
                f"differ; {len(wanted)} allocated, {len(found)} written)",
                "this mlx-lm does not quantize as asked: install the version in constraints.txt",
                component=name,
            )


def _carried_files(source: Path) -> list[Path]:
    found = {file for pattern in CARRIED for file in source.glob(pattern)}
    return sorted(file for file in found if file.is_file())


def _carry_over(source: Path, target: Path) -> None:
    for file in _carried_files(source):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, copy)


def _require_room(source: Path, draft: Path, planned: PlannedQuant) -> None:
    """Refuse before writing: a safetensors writer on a full disk leaves a torn file."""
    carried = sum(file.stat().st_size for file in _carried_files(source))
    needed = planned.size_bytes + carried + SPARE_BYTES
    free = shutil.disk_usage(draft).free
    if needed > free:
        raise DiskFull(
            f"no room for the quant in {draft.parent}: it needs {format_bytes(needed)}, "
            f"{format_bytes(free)} are free",
            "free some space, then run the same command: it goes on where it stopped",
        )
