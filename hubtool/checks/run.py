"""All checks over one quant."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from types import ModuleType

from hubtool.checks.interface import Check, CheckSubject, Finding, Findings
from hubtool.console import SILENT, Console
from hubtool.errors import ChecksFailed, HubtoolError

READABLE = "the files that this family reads are whole; told only where one is not"


def families() -> dict[str, Check]:
    """Name -> check, the cheap ones first."""
    return {name: module.check for name, module in _modules().items()}


def check_ids() -> dict[str, str]:
    """Id -> what it means that the check passes, in the order of the run.

    ``FAMILY/readable`` is reported only where a family stopped at a file that it cannot read.
    """
    return {
        id_: text
        for name, module in _modules().items()
        for id_, text in {f"{name}/readable": READABLE, **module.FINDS}.items()
    }


def is_known_check(name: str) -> bool:
    """Whether ``name`` is a family (``layout``) or an id (``layout/index``)."""
    return name in _modules() or name in check_ids()


def run_checks(
    subject: CheckSubject,
    *,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    console: Console = SILENT,
) -> Findings:
    """What every check finds. One that cannot read its files fails with that error, told once.

    ``only`` and ``skip`` hold families or ids; a family of which nothing is
    wanted does not run.
    """
    wanted = [id_ for id_ in check_ids() if is_chosen(id_, only, skip)]
    names = {id_.split("/")[0] for id_ in wanted}
    checks = {name: check for name, check in families().items() if name in names}
    found: list[Finding] = []
    with console.task("checking", len(checks), "families") as task:
        for name, check in checks.items():
            try:
                found += [one for one in check(subject) if is_chosen(one.id, only, skip)]
            except HubtoolError as error:
                found.append(Finding(f"{name}/readable", "fail", error.message, error.remedy))
            except OSError as error:
                if error.filename is None:
                    raise
                found.append(_without_rights(f"{name}/readable", error))
            task.advance(1, name)
    return Findings(subject.name, tuple(_causes_once(found)))


def _without_rights(id_: str, error: OSError) -> Finding:
    why = (error.strerror or type(error).__name__).lower()
    return Finding(id_, "fail", f"{error.filename}: {why}", "set its rights, or move it away")


def _causes_once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings; of several checks that fail for the same reason the first one tells it."""
    told: dict[str, str] = {}  # message -> the id that told it
    for one in findings:
        first = told.setdefault(one.message, one.id) if one.result == "fail" else one.id
        if first == one.id:
            yield one
        else:
            yield dataclasses.replace(one, result="skip", message=f"see {first}", remedy="")


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
            failed=[dataclasses.asdict(one) for one in failed],
        )
    return findings


def _modules() -> dict[str, ModuleType]:
    from hubtool.checks import card, doctor, hub, layout, licence, loads, metadata, secrets, tensors

    return {
        "layout": layout,
        "doctor": doctor,
        "metadata": metadata,
        "hub": hub,
        "licence": licence,
        "card": card,
        "secrets": secrets,
        "tensors": tensors,
        "loads": loads,
    }


def is_chosen(id_: str, only: Collection[str], skip: Collection[str]) -> bool:
    """Whether ``only`` (empty: everything) and ``skip`` (families and ids) leave a check in."""
    names = {id_, id_.split("/")[0]}
    return (not only or bool(names & set(only))) and not names & set(skip)
