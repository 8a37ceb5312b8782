"""Verify: read back what arrived and compare it with what was sent."""

from __future__ import annotations

from hubtool.artifact.layout import Artifact
from hubtool.hub.receipt import Receipt
from hubtool.hub.verify import verify_publish
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage


class Verify(Stage[None, Receipt]):
    """Receipt -> Receipt with every remote hash compared."""

    name, title = "verify", "Verifying what arrived"
    reads = (Artifact, Receipt)
    writes = Receipt

    def options(self, manifest: ReleaseManifest) -> None:
        return None

    def run(self, context: Context, want: None) -> Receipt:
        folder = context.work.root / context.get(Artifact).folder
        return verify_publish(context.hub, context.get(Receipt), folder)
