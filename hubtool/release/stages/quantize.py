"""Quantize: the base with the allocated widths, or the folder that another tool made."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from hubtool.artifact.layout import Artifact, artifact_of
from hubtool.artifact.stats import stats_of_folder
from hubtool.base.source import Snapshot
from hubtool.errors import PathNotFound
from hubtool.licences.files import is_licence_file
from hubtool.quantize.allocation import Allocation
from hubtool.quantize.calibration import load_mix
from hubtool.quantize.convert import quantize_folder
from hubtool.quantize.imported import claims_of_folder, require_claims_true
from hubtool.quantize.rounding.apply import NEAREST, RoundingOptions
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.pipeline import files_intact
from hubtool.release.stage import Context, Stage, link_folder


@dataclasses.dataclass(frozen=True)
class QuantizeStageOptions:
    """``quant`` is a folder to import; ``quant_files`` its (path, bytes, mtime in ns)."""

    quant: str | None
    quant_files: tuple[tuple[str, int, int], ...]
    trust_remote_code: bool
    rounding: RoundingName
    calibration: str | None
    mix_sha256: str | None  # None where rounding reads no text
    tokens: int | None


class Quantize(Stage[QuantizeStageOptions, Artifact]):
    """Snapshot, Allocation -> Artifact: the language model, read back and compared."""

    name, title = "quantize", "Quantizing"
    reads = (Snapshot, Allocation)
    writes = Artifact

    def options(self, manifest: ReleaseManifest) -> QuantizeStageOptions:
        want = manifest.quantize
        reads = manifest.quant is None and want.rounding != "nearest"
        return QuantizeStageOptions(
            quant=manifest.quant,
            quant_files=_listing(manifest.quant) if manifest.quant else (),
            trust_remote_code=want.trust_remote_code,
            rounding=want.rounding,
            calibration=want.calibration if reads else None,
            mix_sha256=load_mix(_mix_folder(want.calibration)).sha256 if reads else None,
            tokens=want.calibration_tokens if reads else None,
        )

    def run(self, context: Context, want: QuantizeStageOptions) -> Artifact:
        folder = context.work.quantized
        if want.quant is not None:
            _import_quant(Path(want.quant), folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            quantize_folder(
                context.work.root / context.get(Snapshot).folder,
                folder,
                context.get(Allocation),
                context.console,
                rounding=_rounding(want),
                trust_remote_code=want.trust_remote_code,
            )
        return artifact_of(folder, ())

    def intact(self, context: Context, record: Artifact) -> bool:
        return files_intact(context.work.quantized, record.files)


def _rounding(want: QuantizeStageOptions) -> RoundingOptions:
    if want.tokens is None:
        return NEAREST
    return RoundingOptions(want.rounding, load_mix(_mix_folder(want.calibration)), want.tokens)


def _mix_folder(calibration: str | None) -> Path | None:
    return Path(calibration) if calibration else None


def _import_quant(source: Path, target: Path) -> None:
    """Take another tool's folder, if its metadata says what its bytes say."""
    require_claims_true(claims_of_folder(source), stats_of_folder(source))
    link_folder(source, target, leave_out=_made_by_the_card_stage)


def _made_by_the_card_stage(path: str) -> bool:
    """Files that hubtool writes itself, and rubbish; ``path`` is relative and POSIX."""
    hidden = any(part.startswith(".") for part in path.split("/"))
    return hidden or path in ("README.md", "Notice") or is_licence_file(path)


def _listing(folder: str) -> tuple[tuple[str, int, int], ...]:
    root = Path(folder)
    if not root.is_dir():
        raise PathNotFound(f"no folder at {folder}", "check the path after --quant")
    files = sorted(file for file in root.rglob("*") if file.is_file())
    return tuple(
        (file.relative_to(root).as_posix(), file.stat().st_size, file.stat().st_mtime_ns)
        for file in files
    )
