"""Split: a base's towers to the bf16 sidecar, its speculative head beside it, index and config."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hubtool.artifact.copy_tensors import TensorCopy, copy_tensors
from hubtool.artifact.headers import Header, read_header, read_headers, read_index, weight_files
from hubtool.artifact.layout import (
    INDEX_FILE,
    MTP_SIDECAR,
    VISION_SIDECAR,
    Sidecar,
    SidecarKind,
    read_json_object,
)
from hubtool.artifact.stats import stats_from_headers
from hubtool.base.towers import TensorPlan, plan_mtp, plan_tensors, tower_names
from hubtool.console import SILENT, Console, format_bytes
from hubtool.records import write_whole

OLD_VISION_SIDECAR = f"optiq/{VISION_SIDECAR}"
PROCESSOR_FILES = (
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "chat_template.jinja",
    "chat_template.json",
)
TOWER_CONFIGS = ("vision_config", "audio_config")
# entries of a quant's config that are its own and never the base's
_OWN_ENTRIES = ("quantization", "quantization_config", "optiq_vision")
SINGLE_SHARD = "model-00001-of-00001.safetensors"


def split_towers(
    snapshot_folder: Path,
    quant_folder: Path,
    *,
    vision: bool,
    mtp: bool,
    base_repo: str,
    console: Console = SILENT,
) -> tuple[Sidecar, ...]:
    """Give the quant in ``quant_folder`` the sidecars that its base in ``snapshot_folder`` has.

    A sidecar or tower that the quant holds already is kept. Files are replaced,
    never written into. Raises UnknownTensors, TowerMismatch, BrokenShard.
    """
    config = read_json_object(snapshot_folder / "config.json")
    shards = tuple(sorted(file.name for file in snapshot_folder.glob("*.safetensors")))
    headers = read_headers(snapshot_folder, shards)
    names = [name for header in headers.values() for name in header.tensors]
    _move_old_sidecar(quant_folder)
    has_towers = (quant_folder / VISION_SIDECAR).is_file() or _holds_towers(quant_folder, config)
    plan = plan_tensors(base_repo, config, names) if vision else plan_mtp(config, names)
    if plan.towers and not has_towers:
        copies = _tower_copies(snapshot_folder, headers, plan)
        _write(quant_folder / VISION_SIDECAR, copies, console)
    if plan.mtp and mtp and not (quant_folder / MTP_SIDECAR).is_file():
        _write(quant_folder / MTP_SIDECAR, _mtp_copies(snapshot_folder, headers, plan), console)
    sidecars = describe_sidecars(quant_folder, plan)
    _write_config(quant_folder, config, base_repo, sidecars, keep=vision and bool(plan.towers))
    if plan.towers:
        _copy_processor_files(snapshot_folder, quant_folder)
    if any(sidecar.kind == "vision" for sidecar in sidecars):
        _write_index(quant_folder)
    for sidecar in sidecars:
        size = format_bytes(sidecar.size_bytes)
        console.fact(f"{sidecar.kind} sidecar", f"{sidecar.tensors} tensors, {size}")
    return sidecars


def describe_sidecars(folder: Path, plan: TensorPlan) -> tuple[Sidecar, ...]:
    """The sidecars that lie in ``folder``, from their headers."""
    places: tuple[tuple[SidecarKind, str, tuple[str, ...]], ...] = (
        ("vision", VISION_SIDECAR, plan.modalities or ("vision",)),
        ("mtp", MTP_SIDECAR, ()),
    )
    found = []
    for kind, path, modalities in places:
        if not (folder / path).is_file():
            continue
        tensors = read_header(folder / path).tensors.values()
        found.append(
            Sidecar(
                path=path,
                kind=kind,
                tensors=len(tensors),
                parameters=sum(math.prod(info.shape) for info in tensors),
                size_bytes=(folder / path).stat().st_size,
                dtypes=tuple(sorted({info.dtype for info in tensors})),
                modalities=modalities,
            )
        )
    return tuple(found)


def _holds_towers(quant_folder: Path, config: dict[str, Any]) -> bool:
    """Whether the main set has towers of its own, as mlx-vlm's conversion writes them."""
    headers = read_headers(quant_folder, weight_files(quant_folder))
    names = [name for header in headers.values() for name in header.tensors]
    return bool(tower_names(config, names))


def _move_old_sidecar(folder: Path) -> None:
    """From where mlx-optiq kept it for a while to where every reader looks."""
    old, new = folder / OLD_VISION_SIDECAR, folder / VISION_SIDECAR
    if old.is_file():
        if new.is_file():
            old.unlink()
        else:
            old.rename(new)


def _tower_copies(
    folder: Path, headers: dict[str, Header], plan: TensorPlan
) -> tuple[TensorCopy, ...]:
    where = {name: file for file, header in headers.items() for name in header.tensors}
    copies = (
        TensorCopy(
            folder / where[tensor.source],
            headers[where[tensor.source]].tensors[tensor.source],
            tensor.name,
            tensor.channels_last,
        )
        for tensor in plan.towers
    )
    return tuple(sorted(copies, key=lambda copy: copy.name))


def _mtp_copies(
    folder: Path, headers: dict[str, Header], plan: TensorPlan
) -> tuple[TensorCopy, ...]:
    wanted = set(plan.mtp)
    return tuple(
        TensorCopy(folder / file, header.tensors[name], name)
        for file, header in sorted(headers.items())
        for name in sorted(wanted & set(header.tensors))
    )


def _write(target: Path, copies: Sequence[TensorCopy], console: Console) -> None:
    total = sum(copy.size_bytes for copy in copies)
    with console.task(f"writing {target.name}", total, "B") as task:
        copy_tensors(target, copies, task.advance)


def _write_config(
    folder: Path,
    base_config: dict[str, Any],
    base_repo: str,
    sidecars: Sequence[Sidecar],
    *,
    keep: bool,
) -> None:
    """With towers: what mlx-lm's conversion dropped comes back. Without: nothing claims any."""
    config = read_json_object(folder / "config.json")
    if keep:
        lost = {key: value for key, value in base_config.items() if key not in config}
        config |= {key: value for key, value in lost.items() if key not in _OWN_ENTRIES}
    else:
        config = {key: value for key, value in config.items() if key not in TOWER_CONFIGS}
    config.pop("optiq_vision", None)
    vision = next((sidecar for sidecar in sidecars if sidecar.kind == "vision"), None)
    if vision is not None and keep:
        config["optiq_vision"] = {
            "sidecar": vision.path,
            "dtype": "bfloat16",
            "n_tensors": vision.tensors,
            "base_model": base_repo,
        }
    write_whole(folder / "config.json", json.dumps(dict(sorted(config.items())), indent=4) + "\n")


def _copy_processor_files(source: Path, target: Path) -> None:
    for name in PROCESSOR_FILES:
        if (source / name).is_file() and not (target / name).is_file():
            shutil.copyfile(source / name, target / name)


def _write_index(folder: Path) -> None:
    """One index over the main set and the vision sidecar, with the totals of both.

    A single shard is renamed: readers that look for ``model.safetensors``
    first would not open the index at all.
    """
    single = folder / "model.safetensors"
    if single.is_file():
        single.rename(folder / SINGLE_SHARD)
    before = read_index(folder)
    headers = read_headers(folder, (*weight_files(folder), VISION_SIDECAR))
    tensors = {name: file for file, header in sorted(headers.items()) for name in header.tensors}
    metadata = dict(before.metadata) if before else {}
    metadata["total_size"] = sum(header.data_bytes for header in headers.values())
    config = read_json_object(folder / "config.json")
    metadata["total_parameters"] = stats_from_headers(headers, config).parameters
    index = {"metadata": metadata, "weight_map": dict(sorted(tensors.items()))}
    write_whole(folder / INDEX_FILE, json.dumps(index, indent=4) + "\n")
