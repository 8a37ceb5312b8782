"""Push: one commit on a known parent, blobs first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubtool.artifact.layout import Artifact
from hubtool.base.source import Base
from hubtool.card.write import Card
from hubtool.checks.interface import Findings
from hubtool.hub.plan import PublishPlan, make_plan
from hubtool.hub.publish import add_to_collection, publish
from hubtool.hub.receipt import Receipt, is_published
from hubtool.release.manifest import PublishOptions, ReleaseManifest
from hubtool.release.stage import Context, Stage

if TYPE_CHECKING:
    from hubtool.card.provenance import GitSource


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
    title, description = commit_message(base, context.git)
    files = {file.path: file for file in (*artifact.files, *card.files)}
    return make_plan(
        context.hub,
        base.target_repo,
        context.work.root / artifact.folder,
        tuple(files[path] for path in sorted(files)),
        message=title,
        private=want.private,
        as_pull_request=want.pr,
        gate=want.gate,
        description=description,
    )


def commit_message(base: Base, git: GitSource | None) -> tuple[str, str]:
    """Title and description of the commit; the description names the git commit it comes from."""
    what = f"a quant of {base.repo} at {base.revision[:12]}"
    if git is None:
        return f"Release of {what}", ""
    source = f"{git.manifest or 'a manifest'} of {git.repository or 'a git repository'}"
    tag = f", tag {git.tag}" if git.tag else ""
    title = f"Release {git.tag}: {what}" if git.by_tag else f"Release of {what}"
    return title, f"Made from {source} at commit {git.commit}{tag}."
