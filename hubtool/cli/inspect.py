"""``hubtool inspect``: what a quant really is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import (
    HubOption,
    JsonOption,
    RepoRevisionOption,
    is_repo_id,
    no_folder,
    require_parent,
)
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub
from hubtool.console import format_bytes
from hubtool.errors import ManifestInvalid
from hubtool.records import write_whole

if TYPE_CHECKING:
    from hubtool.artifact.stats import QuantStats


def inspect(
    subject: Annotated[str, typer.Argument(help="Folder, or Hub id ORG/NAME.", metavar="DIR|REPO")],
    revision: RepoRevisionOption = None,
    components: Annotated[
        bool, typer.Option("--components", help="List every component with its width.")
    ] = False,
    width_map: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="FILE.png",
            dir_okay=False,
            help="Draw every component with its width, by kind and layer.",
        ),
    ] = None,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show what a quant really is, from its bytes: a folder or a repo.

    Of a repo only the headers are read, over HTTP ranges.

    Example: hubtool inspect mlx-community/SmolLM2-135M-Instruct-OptiQ-4bit
    """
    console = open_console(json_output)
    if width_map and width_map.suffix.lower() != ".png":
        raise ManifestInvalid(
            f"--map {width_map}: the map is a PNG", "name a file that ends in .png"
        )
    if width_map:
        require_parent(width_map, "--map")
    folder = Path(subject)
    if folder.is_dir():
        from hubtool.artifact.stats import stats_of_folder

        stats = stats_of_folder(folder)
    elif is_repo_id(subject):
        client = open_hub(hub, console)

        from hubtool.hub.remote_stats import stats_of_repo

        stats = stats_of_repo(client, subject, revision)
    else:
        raise no_folder(subject, "name a folder, or a repo as ORG/NAME")
    if width_map:
        from hubtool.card.width_chart import WHOLE_MAP, draw_widths

        if stats.components:
            write_whole(width_map, draw_widths(stats.components, WHOLE_MAP))
            console.note(f"wrote {width_map}")
        else:
            console.warn(f"nothing here is quantized: {width_map} is not written")
    console.data(stats.to_json())
    console.result(describe(subject, stats, components=components))


def describe(subject: str, stats: QuantStats, *, components: bool) -> str:
    """The figures as lines for people."""
    lines = [subject]
    lines += [
        f"  {share.bits:>2} bit   {share.components:>6} components   {share.parameter_share:7.1%} "
        "of quantized parameters"
        for share in stats.widths
    ]
    if not stats.components:
        lines.append("  not quantized: no component has scales")
    groups = sorted({(one.mode, one.group_size) for one in stats.components})
    shown = ", ".join(f"{mode} {size}" for mode, size in groups)
    lines += [f"  nominal bits per weight   {stats.nominal_bpw:.3f}"] if groups else []
    lines += [
        f"  stored bits per weight    {stats.stored_bpw:.3f}"
        f" (language model alone {stats.language_stored_bpw:.3f})",
    ]
    lines += [f"  groups                    {shown}"] if groups else []
    lines += [
        f"  parameters                {stats.parameters:,}"
        f" ({stats.unquantized_parameters:,} not quantized)",
    ]
    lines += [
        f"  {part.part:<8} {format_bytes(part.size_bytes):>10}   {part.tensors} tensors"
        f" ({', '.join(part.dtypes)})   {', '.join(part.files)}"
        for part in stats.parts
    ]
    if components:
        lines += [f"  {one.bits:>2} bit  {one.name}" for one in stats.components]
    return "\n".join(lines)
