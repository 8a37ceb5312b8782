"""``hubtool init``: a repository whose tags release quants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console


def init(
    folder: Annotated[
        Path, typer.Argument(help="Where it goes. [default: here]", show_default=False)
    ] = Path(),
    org: Annotated[str, typer.Option(help="Organisation that will own the quants.")] = "my-org",
    json_output: JsonOption = False,
) -> None:
    """Make a repository for releases: manifests, scores, and workflows that release a tag.

    An example manifest with scores, workflow files, the action, README and .gitignore. Files
    that are there already stay as they are; nothing is committed.

    Example: hubtool init quants --org my-org
    """
    console = open_console(json_output)

    import dataclasses

    from hubtool.release.new_repo import new_repository

    files = new_repository(folder, org)
    console.data({"folder": str(folder), "files": [dataclasses.asdict(one) for one in files]})
    lines = [f"  {'+' if one.written else 'kept '} {one.path}" for one in files]
    console.result("\n".join([f"{folder.absolute()}", *lines]))
    console.note("next: write releases/NAME.yaml, `hubtool lock`, commit, and push a tag NAME/v1")
