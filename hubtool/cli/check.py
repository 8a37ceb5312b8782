"""``hubtool check``: everything that can be known about a quant before it is published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import JsonOption, TrustOption
from hubtool.cli.output import open_console
from hubtool.errors import PathNotFound

if TYPE_CHECKING:
    from hubtool.checks.interface import Finding

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

    Exit code 1 if one fails.

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
    if findings.failed:
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    where = f" ({finding.subject})" if finding.subject else ""
    line = f"{MARKS[finding.result]}  {finding.id:<20} {finding.message}{where}"
    return f"{line}\n      fix: {finding.remedy}" if finding.result == "fail" else line
