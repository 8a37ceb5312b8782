"""Release: a manifest in, a receipt out. The function behind ``hubtool release``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.base.source import Base
from hubtool.console import Console
from hubtool.errors import RemoteMoved, TagMoved
from hubtool.hub.plan import PublishPlan
from hubtool.hub.receipt import Receipt
from hubtool.hub.tags import published_receipt, released_from, set_tag, tagged_commit
from hubtool.records import Record, write_whole
from hubtool.release.journal import Journal, hold
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.pipeline import AnyStage, run_stages
from hubtool.release.stage import Context, WorkFolder
from hubtool.release.stages.allocate import Allocate
from hubtool.release.stages.card import WriteCard
from hubtool.release.stages.check import Check
from hubtool.release.stages.compare import Compare
from hubtool.release.stages.fetch import Fetch
from hubtool.release.stages.measure import Measure
from hubtool.release.stages.push import Push, planned
from hubtool.release.stages.quantize import Quantize
from hubtool.release.stages.resolve import Resolve
from hubtool.release.stages.score import Score
from hubtool.release.stages.settle import Settle
from hubtool.release.stages.split import Split
from hubtool.release.stages.verify import Verify

if TYPE_CHECKING:
    from hubtool.card.provenance import GitSource
    from hubtool.hub.client import HubClient


RECEIPT = "receipt.json"
TRIES = 3  # runs of the last stages, each on top of what somebody else committed meanwhile


@dataclasses.dataclass(frozen=True)
class ReleaseResult:
    """How a release ended: a receipt, or after a dry run the plan; and where its files lie.

    ``sent`` is False if this run found everything published already.
    """

    base_revision: str
    quant_folder: Path
    receipt: Receipt | None
    plan: PublishPlan | None
    sent: bool = False
    receipt_file: Path | None = None


def stages(*, publishes: bool) -> list[AnyStage]:
    """The order of a release. A dry run ends before the push."""
    prepared: list[AnyStage] = [
        Resolve(publishes=publishes),  # revision, licence, gate, name, permission: before any byte
        Fetch(),  # only the files needed
        Settle(),  # a budget that cannot be kept to is told before hours of measuring
        Measure(),  # sensitivity of every component
        Allocate(),  # bits under the budget
        Quantize(),  # mlx-lm's conversion, read back
        Compare(),  # with the base, on held-out text
        Split(),  # towers to the sidecar
        Score(),  # what was measured elsewhere
        WriteCard(),  # facts, card, licence files, provenance
        Check(),  # everything, before anything is sent
    ]
    return [*prepared, Push(), Verify()] if publishes else prepared


def release(
    manifest: ReleaseManifest,
    *,
    hub: HubClient,
    work_root: Path,
    console: Console,
    dry_run: bool = False,
    git: GitSource | None = None,
) -> ReleaseResult:
    """Do what the manifest asks, or what is left of it; every stage that is done is skipped.

    ``work_root`` holds one folder per target repo. A tag that is published already
    is left as it is. Raises HubtoolError; the same call afterwards goes on where it stopped.
    """
    work = WorkFolder(work_root.absolute() / manifest.target_repo.replace("/", "--"))
    with hold(work.root):
        if git is not None and git.by_tag and not dry_run:
            hub.require_write(manifest.target_repo)
            published = published_as(hub, manifest.target_repo, git)
            if published is not None:
                published.write(work.root / RECEIPT)
                revision = manifest.revision or ""
                return ReleaseResult(
                    revision, work.quant, published, None, False, work.root / RECEIPT
                )
        write_whole(work.root / "manifest.yaml", manifest.as_text)
        context = Context(work=work, hub=hub, console=console, records={}, git=git)
        journal = Journal(work.root)
        before = journal.last(Push.name)
        records = run_until_alone(stages(publishes=not dry_run), manifest, context, journal)
        done = dataclasses.replace(context, records=records, reads=tuple(records))
        revision = done.get(Base).revision
        if dry_run:
            plan = planned(done, manifest.publish)
            plan.write(work.root / "plan.json")
            return ReleaseResult(revision, work.quant, None, plan)
        receipt = dataclasses.replace(done.get(Receipt), accepted_licences=manifest.accept_licences)
        if git is not None and git.by_tag and git.tag and receipt.pull_request_url is None:
            set_tag(hub, receipt.repo, git.tag, receipt.commit, f"git commit {git.commit}")
            receipt = dataclasses.replace(receipt, tag=git.tag)
        receipt.write(work.root / RECEIPT)
        sent = receipt.committed and journal.last(Push.name) != before
        return ReleaseResult(revision, work.quant, receipt, None, sent, work.root / RECEIPT)


def run_until_alone(
    order: Sequence[AnyStage], manifest: ReleaseManifest, context: Context, journal: Journal
) -> dict[type[Record], Record]:
    """Run the stages; if somebody commits to the repo meanwhile, plan on top of that commit.

    What is done stays done: only the card, the checks and the push look anew.
    """
    for left in reversed(range(TRIES)):
        try:
            return run_stages(order, manifest, context, journal)
        except RemoteMoved as error:
            if not left:
                raise
            context.console.note(f"  {error.message}; going on from the commit that is there now")
    raise AssertionError("unreachable: the last try returns or raises")


def published_as(hub: HubClient, repo: str, git: GitSource) -> Receipt | None:
    """The receipt of a tag that the Hub has already; None if it has to be released.

    Raises TagMoved if it was released from another git commit, or with other flags.
    """
    assert git.tag is not None
    commit = tagged_commit(hub, repo, git.tag)
    if commit is None:
        return None
    origin = released_from(hub, repo, commit)
    if origin.git_commit != git.commit:
        raise TagMoved(
            f"{repo} was released as {git.tag} from git commit "
            f"{(origin.git_commit or 'unknown')[:12]}; the tag is now at {git.commit[:12]}",
            "make a new tag: one that was published stays where it is",
        )
    if origin.git_manifest != git.manifest:
        raise TagMoved(
            f"{repo} was released as {git.tag} from {origin.git_manifest or 'no manifest'}, "
            f"not from {git.manifest}",
            "give one of the two manifests another publish.name",
        )
    if origin.overrides != dict(git.overrides):
        raise TagMoved(
            f"{repo} was released as {git.tag} with the flags {origin.overrides or 'none'}, "
            f"not {dict(git.overrides) or 'none'}",
            "write them into the manifest, and make a new tag",
        )
    return published_receipt(hub, repo, commit, git.tag, origin)
