"""Fetch: the base's files that are needed, at the pinned revision."""

from __future__ import annotations

import dataclasses

from hubtool.artifact.headers import tensor_names
from hubtool.base.source import Base, Snapshot, fetch_base
from hubtool.base.towers import plan_tensors
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.pipeline import files_intact
from hubtool.release.stage import Context, Stage


@dataclasses.dataclass(frozen=True)
class FetchOptions:
    """Whether the towers will be released: then every tensor must have its place."""

    vision: bool


class Fetch(Stage[FetchOptions, Snapshot]):
    """Base -> Snapshot. Resumes, and never sends an intact file again."""

    name, title = "fetch", "Fetching the base"
    reads = (Base,)
    writes = Snapshot

    def options(self, manifest: ReleaseManifest) -> FetchOptions:
        return FetchOptions(vision=manifest.sidecars.vision == "auto")

    def run(self, context: Context, want: FetchOptions) -> Snapshot:
        base = context.get(Base)
        snapshot = fetch_base(context.hub, base, context.work.base, context.console)
        if want.vision:  # a tensor without a place is better known now than after measuring
            plan_tensors(base.repo, base.config, tensor_names(context.work.root / snapshot.folder))
        return snapshot

    def intact(self, context: Context, record: Snapshot) -> bool:
        return files_intact(context.work.base, record.files)
