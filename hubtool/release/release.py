"""Release: a manifest in, a receipt out. The function behind ``hubtool release``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from hubtool.base.source import Base
from hubtool.console import Console
from hubtool.hub.publish import PublishPlan, Receipt
from hubtool.records import write_whole
from hubtool.release.journal import Journal, hold
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.pipeline import AnyStage, run_stages
from hubtool.release.stage import Context, WorkFolder
from hubtool.release.stages.allocate import Allocate
from hubtool.release.stages.card import WriteCard
from hubtool.release.stages.check import Check
from hubtool.release.stages.fetch import Fetch
from hubtool.release.stages.measure import Measure
from hubtool.release.stages.push import Push, planned
from hubtool.release.stages.quantize import Quantize
from hubtool.release.stages.resolve import Resolve
from hubtool.release.stages.score import Score
from hubtool.release.stages.split import Split
from hubtool.release.stages.verify import Verify

if TYPE_CHECKING:
    from hubtool.card.provenance import GitSource
    from hubtool.hub.client import HubClient


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


def stages(*, publishes: bool) -> list[AnyStage]:
    """The order of a release. A dry run ends before the push."""
    prepared: list[AnyStage] = [
        Resolve(publishes=publishes),  # revision, licence, gate, name, permission: before any byte
        Fetch(),  # only the files needed
        Measure(),  # sensitivity of every component
        Allocate(),  # bits under the budget
        Quantize(),  # mlx-lm's conversion, read back
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

    ``work_root`` holds one folder per target repo. Raises HubtoolError; the
    same call afterwards goes on where it stopped.
    """
    work = WorkFolder(work_root.absolute() / manifest.target_repo.replace("/", "--"))
    with hold(work.root):
        effective = manifest.model_dump(mode="json")
        write_whole(work.root / "manifest.yaml", yaml.safe_dump(effective, sort_keys=False))
        context = Context(work=work, hub=hub, console=console, records={}, git=git)
        journal = Journal(work.root)
        before = journal.last(Push.name)
        records = run_stages(stages(publishes=not dry_run), manifest, context, journal)
        done = dataclasses.replace(context, records=records, reads=tuple(records))
        revision = done.get(Base).revision
        if dry_run:
            plan = planned(done, manifest.publish)
            plan.write(work.root / "plan.json")
            return ReleaseResult(revision, work.quant, None, plan)
        receipt = dataclasses.replace(done.get(Receipt), accepted_licences=manifest.accept_licences)
        receipt.write(work.root / "receipt.json")
        sent = receipt.committed and journal.last(Push.name) != before
        return ReleaseResult(revision, work.quant, receipt, None, sent)
