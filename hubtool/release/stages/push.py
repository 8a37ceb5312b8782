"""Push: one commit on a known parent, blobs first."""

from __future__ import annotations

from hubtool.artifact.layout import Artifact
from hubtool.base.source import Base
from hubtool.card.write import Card
from hubtool.checks.interface import Findings
from hubtool.hub.publish import (
    PublishPlan,
    Receipt,
    add_to_collection,
    is_published,
    make_plan,
    publish,
)
from hubtool.release.manifest import PublishOptions, ReleaseManifest
from hubtool.release.stage import Context, Stage


class Push(Stage[PublishOptions, Receipt]):
    """Artifact, Card, Findings -> Receipt. Nothing visible changes before the one commit."""

    name, title = "push", "Publishing"
    reads = (Base, Artifact, Card, Findings)
    writes = Receipt

    def options(self, manifest: ReleaseManifest) -> PublishOptions:
        return manifest.publish

    def run(self, context: Context, want: PublishOptions) -> Receipt:
        folder = context.work.root / context.get(Artifact).folder
        plan = planned(context, want)
        receipt = publish(context.hub, plan, folder, context.console)
        if want.collection is not None:
            add_to_collection(context.hub, want.collection, plan.repo)
        return receipt

    def intact(self, context: Context, record: Receipt) -> bool:
        """Ask the remote: a journal line proves nothing about a server."""
        return is_published(context.hub, record, context.work.quant)


def planned(context: Context, want: PublishOptions) -> PublishPlan:
    """What a push would send now: the difference between the release and the remote head."""
    base, artifact, card = context.get(Base), context.get(Artifact), context.get(Card)
    files = {file.path: file for file in (*artifact.files, *card.files)}
    return make_plan(
        context.hub,
        base.target_repo,
        context.work.root / artifact.folder,
        tuple(files[path] for path in sorted(files)),
        message=f"Release of a quant of {base.repo} at {base.revision[:12]}",
        private=want.private,
        as_pull_request=want.pr,
        gate=want.gate,
    )
