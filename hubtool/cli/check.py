"""``hubtool check``: everything that can be known about a quant before it is published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hubtool.cli.options import JsonOption, TrustOption
from hubtool.cli.output import open_console
from hubtool.errors import PathNotFound

if TYPE_CHECKING:
    from hubtool.checks.interface import Finding
    from hubtool.console import Console

MARKS = {"pass": "ok  ", "fail": "FAIL", "warn": "warn", "skip": "skip"}


def check(
    folder: Annotated[Path, typer.Argument(help="Quant folder with its card.")],
    base_folder: Annotated[
        Path | None, typer.Option(help="Folder of the base, to compare predictions with.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="Card template. [default: the one it was rendered with]")
    ] = None,
    brand: Annotated[
        str | None, typer.Option(help="Card brand. [default: the one it was rendered with]")
    ] = None,
    trust_remote_code: TrustOption = False,
    json_output: JsonOption = False,
) -> None:
    """Run every check on a quant folder.

    Exit code 1 if one fails. On GitHub each finding is an annotation as well.

    Example: hubtool check ./quant --base-folder ./base
    """
    console = open_console(json_output)
    if not folder.is_dir():
        raise PathNotFound(f"no folder at {folder}", "name a quant folder")

    from hubtool.checks.run import CheckSubject, run_checks

    subject = CheckSubject(
        folder=folder,
        base_folder=base_folder,
        template=template,
        brand=brand,
        trust_remote_code=trust_remote_code,
    )
    findings = run_checks(subject, console=console)
    console.data(findings.to_json())
    console.result("\n".join(_line(finding) for finding in findings.findings))
    for finding in findings.findings:
        _annotate(finding, folder, console)
    if findings.failed:
        raise typer.Exit(1)


def _annotate(finding: Finding, folder: Path, console: Console) -> None:
    """Tell GitHub what failed or is to be heeded, at its file where it has one."""
    if finding.result not in ("fail", "warn"):
        return
    path = folder / finding.subject.split(",")[0]  # "README.md, line 7"
    file = path.as_posix() if path.is_file() else ""
    level: Literal["error", "warning"] = "error" if finding.result == "fail" else "warning"
    text = ". ".join(part for part in (finding.message, finding.remedy) if part)
    console.annotate(level, text, title=finding.id, file=file)


def _line(finding: Finding) -> str:
    where = f" ({finding.subject})" if finding.subject else ""
    line = f"{MARKS[finding.result]}  {finding.id:<20} {finding.message}{where}"
    return f"{line}\n      fix: {finding.remedy}" if finding.result == "fail" else line
