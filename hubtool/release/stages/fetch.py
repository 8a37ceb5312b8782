"""Fetch: the base's files that are needed, at the pinned revision."""

from __future__ import annotations

from hubtool.base.source import Base, Snapshot, fetch_base
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.pipeline import files_intact
from hubtool.release.stage import Context, Stage


class Fetch(Stage[None, Snapshot]):
    """Base -> Snapshot. Resumes, and never sends an intact file again."""

    name, title = "fetch", "Fetching the base"
    reads = (Base,)
    writes = Snapshot

    def options(self, manifest: ReleaseManifest) -> None:
        return None

    def run(self, context: Context, want: None) -> Snapshot:
        return fetch_base(context.hub, context.get(Base), context.work.base, context.console)

    def intact(self, context: Context, record: Snapshot) -> bool:
        return files_intact(context.work.base, record.files)
