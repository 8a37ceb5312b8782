"""All checks over one quant folder."""

from __future__ import annotations

from hubtool.checks.interface import Check, CheckSubject, Finding, Findings
from hubtool.console import SILENT, Console
from hubtool.errors import ChecksFailed, HubtoolError

__all__ = ["CheckSubject", "families", "require_passed", "run_checks"]


def families() -> dict[str, Check]:
    """Name -> check, the cheap ones first."""
    from hubtool.checks import card, layout, licence, loads, metadata, secrets, tensors

    return {
        "layout": layout.check,
        "metadata": metadata.check,
        "licence": licence.check,
        "card": card.check,
        "secrets": secrets.check,
        "tensors": tensors.check,
        "loads": loads.check,
    }


def run_checks(subject: CheckSubject, *, console: Console = SILENT) -> Findings:
    """What every check finds. One that cannot read its files fails with that error."""
    checks = families()
    found: list[Finding] = []
    with console.task("checking", len(checks), "families") as task:
        for name, check in checks.items():
            try:
                found += check(subject)
            except HubtoolError as error:
                found.append(Finding(f"{name}/readable", "fail", error.message, error.remedy))
            task.advance(1, name)
    return Findings(subject.folder.name, tuple(found))


def require_passed(findings: Findings) -> Findings:
    """The findings, if none failed. Raises ChecksFailed that lists every failed one."""
    failed = findings.failed
    if failed:
        lines = [
            f"  {one.id}{f' ({one.subject})' if one.subject else ''}: {one.message}. {one.remedy}"
            for one in failed
        ]
        raise ChecksFailed(
            f"{len(failed)} of {len(findings.findings)} checks failed:\n" + "\n".join(lines),
            "mend what they name; nothing was published",
            findings=[one.id for one in failed],
        )
    return findings
