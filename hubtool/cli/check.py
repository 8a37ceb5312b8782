"""``hubtool check``: everything that can be known about a quant before it is published."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hubtool.cli.card_options import RenderedBrandOption, RenderedTemplateOption
from hubtool.cli.options import (
    HubOption,
    JsonOption,
    RepoRevisionOption,
    TrustOption,
    is_repo_id,
    no_folder,
)
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub
from hubtool.errors import PathNotFound

if TYPE_CHECKING:
    from hubtool.checks.interface import CheckSubject, Finding, Findings
    from hubtool.console import Console

MARKS = {"pass": "ok  ", "fail": "FAIL", "warn": "warn", "skip": "skip"}


def check(
    subject: Annotated[
        str | None,
        typer.Argument(
            help="Quant folder with its card, or Hub id ORG/NAME.",
            metavar="DIR|REPO",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(help="Run only these families or checks: layout,hub/parameters."),
    ] = None,
    skip: Annotated[str | None, typer.Option(help="Leave these families or checks out.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List every check and end.")] = False,
    base_folder: Annotated[
        Path | None, typer.Option(help="Folder of the base, to compare predictions with.")
    ] = None,
    revision: RepoRevisionOption = None,
    template: RenderedTemplateOption = None,
    brand: RenderedBrandOption = None,
    trust_remote_code: TrustOption = False,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run every check on a quant: a folder, or a repo.

    Of a repo's weights only the headers are read, over HTTP ranges. Exit code 1 if a check
    fails. On GitHub each finding is an annotation as well.

    Example: hubtool check ./quant --base-folder ./base --skip secrets/paths
    """
    console = open_console(json_output)

    from hubtool.checks.run import check_ids, is_chosen, run_checks

    if list_:
        console.data(check_ids())
        console.result("\n".join(f"{id_:<20} {text}" for id_, text in check_ids().items()))
        return
    if subject is None:
        raise typer.BadParameter("name a quant folder, or a repo as ORG/NAME")
    chosen = {"only": _names(only), "skip": _names(skip)}
    if not any(is_chosen(id_, **chosen) for id_ in check_ids()):
        raise typer.BadParameter("--only and --skip leave nothing to check")
    if base_folder and not (base_folder / "config.json").is_file():
        raise PathNotFound(
            f"--base-folder {base_folder}: no model there (config.json is missing)",
            "name the folder of the base's checkpoint",
        )
    _require_look(template, brand)
    with _subject(subject, revision, base_folder, (template, brand), hub, console) as seen:
        seen = dataclasses.replace(seen, trust_remote_code=trust_remote_code)
        _report(run_checks(seen, **chosen, console=console), seen, console)


@contextlib.contextmanager
def _subject(
    name: str,
    revision: str | None,
    base_folder: Path | None,
    look: tuple[str | None, str | None],
    hub: str | None,
    console: Console,
) -> Iterator[CheckSubject]:
    """A folder as it lies there, or a repo's small files and headers in one that is removed."""
    from hubtool.checks.interface import CheckSubject

    template, brand = look
    if Path(name).is_dir():
        if revision:
            raise typer.BadParameter("--revision goes with a repo, not with a folder")
        yield CheckSubject(
            folder=Path(name), base_folder=base_folder, template=template, brand=brand
        )
    elif is_repo_id(name):
        client = open_hub(hub, console)

        from hubtool.checks.remote import fetch_subject

        with TemporaryDirectory(prefix="hubtool-check-") as place:
            yield fetch_subject(
                client,
                name,
                revision,
                Path(place),
                template=template,
                brand=brand,
                console=console,
            )
    else:
        raise no_folder(name, "name a quant folder, or a repo as ORG/NAME")


def _require_look(template: str | None, brand: str | None) -> None:
    """Raises PathNotFound for a template or a brand that was named and is not there."""
    from hubtool.card.templates import load_brand, template_file

    if template is not None:
        template_file(template)
    if brand is not None:
        load_brand(brand)


def _names(text: str | None) -> tuple[str, ...]:
    """``"layout,hub/card"`` -> its names; raises typer.BadParameter for one that is no check."""
    from hubtool.checks.run import check_ids, families, is_known_check

    names = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    unknown = [name for name in names if not is_known_check(name)]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]!r} is no check; there are {', '.join([*families(), *check_ids()])}"
        )
    return names


def _report(findings: Findings, subject: CheckSubject, console: Console) -> None:
    """Print the findings, annotate on GitHub, and exit 1 if one failed."""
    console.data(findings.to_json())
    console.result("\n".join(_line(finding) for finding in findings.findings))
    for path in subject.origin.not_read if subject.origin else ():
        console.note(f"not read: {path}")
    for finding in findings.findings:
        _annotate(finding, subject.folder, console)
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
