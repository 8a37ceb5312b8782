"""``hubtool template``: the card's wording is the user's to change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console
from hubtool.errors import PathNotFound, TargetExists

if TYPE_CHECKING:
    from hubtool.card.template_check import TemplateReport
    from hubtool.console import Console

app = typer.Typer(
    help="Write your own card template: list, copy, and try it on every kind of quant.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


@app.callback()
def template() -> None:
    """Write your own card template: list, copy, and try it on every kind of quant.

    docs/how-to/write-a-template.md shows the way; docs/reference/facts.md lists every fact.

    Example: hubtool template init templates && hubtool template check templates
    """


@app.command("list")
def list_(json_output: JsonOption = False) -> None:
    """List the templates and brands that come with hubtool.

    Example: hubtool template list
    """
    console = open_console(json_output)

    from hubtool.card.templates import block_names, load_brand, shipped_brands, shipped_templates

    templates = {name: block_names(name) for name in shipped_templates()}
    brands = {name: load_brand(name) for name in shipped_brands()}
    console.data(
        {
            "templates": {name: list(blocks) for name, blocks in templates.items()},
            "brands": {name: brand.model_dump() for name, brand in brands.items()},
        }
    )
    lines = [f"template {name}: {', '.join(blocks)}" for name, blocks in templates.items()]
    lines += [f"brand {name}: repos are named {one.naming}" for name, one in brands.items()]
    console.result("\n".join(lines))


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to write them to.")],
    json_output: JsonOption = False,
) -> None:
    """Copy the shipped templates, their blocks and the brands into a folder.

    A file that is there already is never replaced.

    Example: hubtool template init templates
    """
    console = open_console(json_output)

    from hubtool.card.templates import shipped_files
    from hubtool.records import write_whole

    files = shipped_files()
    taken = [folder / path for path in files if (folder / path).exists()]
    if taken:
        raise TargetExists(f"{taken[0]} is there already", "name a folder without templates")
    for path, content in files.items():
        write_whole(folder / path, content)
    console.data({"folder": str(folder), "files": list(files)})
    console.result(
        f"{len(files)} files written to {folder}\n"
        f"change them, then: hubtool template check {folder}"
    )


@app.command("check")
def check(
    path: Annotated[
        str, typer.Argument(help="Folder of templates, or one template.", metavar="DIR|TEMPLATE")
    ],
    brand: Annotated[
        list[str] | None,
        typer.Option(
            help="Brand to try it with; repeatable. [default: those in DIR/brands, else plain]"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write every page into this folder, to be looked at.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Render a template for every kind of quant, and say what is wrong with it.

    Found are fields that do not exist, numbers in the text that no fact says, facts and blocks
    that no page shows. Exit code 1 for either of the first two.

    Example: hubtool template check templates --out pages
    """
    console = open_console(json_output)

    from hubtool.card.template_check import check_template
    from hubtool.records import write_whole

    reports = [
        check_template(one, look)
        for one in _templates_at(path)
        for look in brand or _brands_at(Path(path))
    ]
    for report in reports:
        for name, page in report.pages.items() if out else ():
            name_parts = (_short(report.template), _short(report.brand), f"{name}.md")
            write_whole(Path(str(out)).joinpath(*name_parts), page)
    console.data(
        [
            {
                "template": report.template,
                "brand": report.brand,
                "pages": list(report.pages),
                "problems": list(report.problems),
                "unused": list(report.unused),
                "silent": list(report.silent),
            }
            for report in reports
        ]
    )
    for report in reports:
        _show(report, console)
    if any(report.problems for report in reports):
        raise typer.Exit(1)


def _templates_at(path: str) -> list[str]:
    from hubtool.card.templates import SUFFIX, template_file

    folder = Path(path)
    if not folder.is_dir():
        template_file(path)
        return [path]
    found = sorted(str(file) for file in folder.glob(f"*{SUFFIX}"))
    if not found:
        raise PathNotFound(f"no *{SUFFIX} in {folder}", "`hubtool template init DIR` writes some")
    return found


def _brands_at(path: Path) -> list[str]:
    folder = path if path.is_dir() else path.parent
    return sorted(str(file) for file in folder.glob("brands/*.yaml")) or ["plain"]


def _short(name_or_path: str) -> str:
    return Path(name_or_path).name.split(".")[0]


def _show(report: TemplateReport, console: Console) -> None:
    mark = "FAIL" if report.problems else "ok  "
    lines = [f"{mark}  {report.template}, brand {report.brand}: {len(report.pages)} pages"]
    lines += [f"      {problem}" for problem in report.problems]
    if report.unused:
        few = ", ".join(report.unused[:5])
        more = f" and {len(report.unused) - 5} more (--json)" if len(report.unused) > 5 else ""
        lines.append(f"      facts that it leaves out: {few}{more}")
    if report.silent:
        lines.append(f"      blocks that no page shows: {', '.join(report.silent)}")
    console.result("\n".join(lines))
