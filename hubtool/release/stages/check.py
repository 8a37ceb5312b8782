"""Check: everything that can be known before anything is sent."""

from __future__ import annotations

import dataclasses

from hubtool.artifact.layout import Artifact
from hubtool.base.source import Base, Snapshot
from hubtool.card.write import Card
from hubtool.checks.interface import CheckSubject, Findings
from hubtool.checks.run import require_passed, run_checks
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage


@dataclasses.dataclass(frozen=True)
class CheckOptions:
    """How the card was rendered, and what may be in the folder."""

    template: str
    brand: str
    trust_remote_code: bool


class Check(Stage[CheckOptions, Findings]):
    """Base, Snapshot, Artifact, Card -> Findings; a failed one stops the release."""

    name, title = "check", "Checking"
    reads = (Base, Snapshot, Artifact, Card)
    writes = Findings

    def options(self, manifest: ReleaseManifest) -> CheckOptions:
        return CheckOptions(
            template=manifest.card.template,
            brand=manifest.card.brand,
            trust_remote_code=manifest.quantize.trust_remote_code,
        )

    def run(self, context: Context, want: CheckOptions) -> Findings:
        subject = CheckSubject(
            folder=context.work.root / context.get(Artifact).folder,
            base=context.get(Base),
            base_folder=context.work.root / context.get(Snapshot).folder,
            template=want.template,
            brand=want.brand,
            trust_remote_code=want.trust_remote_code,
            validate=context.hub.validate_card,
        )
        findings = run_checks(subject, console=context.console)
        findings.write(context.work.logs / "checks.json")
        require_passed(findings)
        context.console.fact("checks passed", len(findings.findings))
        return findings
