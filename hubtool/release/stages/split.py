"""Split: towers to their bf16 sidecar, index and config entries; the quant folder takes shape."""

from __future__ import annotations

import dataclasses
import shutil

from hubtool.artifact.layout import Artifact, artifact_of
from hubtool.artifact.split import split_towers
from hubtool.base.source import Base, Snapshot
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.pipeline import files_intact
from hubtool.release.stage import Context, Stage, link_folder


@dataclasses.dataclass(frozen=True)
class SplitOptions:
    """Which sidecars are wanted."""

    vision: bool
    mtp: bool


class Split(Stage[SplitOptions, Artifact]):
    """Artifact (language model), Snapshot -> Artifact (the quant folder)."""

    name, title = "split", "Splitting off the towers"
    reads = (Base, Snapshot, Artifact)
    writes = Artifact

    def options(self, manifest: ReleaseManifest) -> SplitOptions:
        return SplitOptions(manifest.sidecars.vision == "auto", manifest.sidecars.mtp == "auto")

    def run(self, context: Context, want: SplitOptions) -> Artifact:
        draft = context.work.root / "quant.partial"
        link_folder(context.work.root / context.get(Artifact).folder, draft)
        sidecars = split_towers(
            context.work.root / context.get(Snapshot).folder,
            draft,
            vision=want.vision,
            mtp=want.mtp,
            base_repo=context.get(Base).repo,
            console=context.console,
        )
        shutil.rmtree(context.work.quant, ignore_errors=True)
        draft.rename(context.work.quant)
        return artifact_of(context.work.quant, sidecars)

    def intact(self, context: Context, record: Artifact) -> bool:
        return files_intact(context.work.quant, record.files)
