"""``hubtool lock``: pin the base's commit and the tools beside each manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.options import HubOption, JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub
from hubtool.errors import PathNotFound


def lock(
    manifest: Annotated[
        list[Path] | None,
        typer.Argument(help="Manifests. [default: all under releases/]", show_default=False),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit code 1 if a lock would change."),
    ] = False,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Move to the newest commit of each base.")
    ] = False,
    tools: Annotated[
        bool, typer.Option("--tools", help="Print the locked tools as requirements for pip.")
    ] = False,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Write the lock file beside each manifest: the base's commit and the tools that are here.

    A commit that is pinned stays until `--upgrade`. `hubtool release --locked` refuses to use
    anything else. `--check` and `--tools` ask no Hub.

    Example: hubtool lock && git add releases
    """
    console = open_console(json_output)

    from hubtool.errors import LockOutOfDate
    from hubtool.release.lockfile import (
        lock_json,
        lock_path,
        locked_tools,
        manifest_files,
        read_lock,
        renew,
        require_locked,
        write_lock,
    )
    from hubtool.release.manifest import load_manifest

    files = list(manifest or manifest_files(Path("releases")))
    if not files:
        raise PathNotFound("no manifest under releases/", "name one: `hubtool lock FILE`")
    if tools:
        locks = [(file, found) for file in files if (found := read_lock(file))]
        lines = [f"{name}=={version}" for name, version in locked_tools(locks).items()]
        console.data({"tools": lines})
        if lines:
            console.result("\n".join(lines))
        return
    wanted = [(file, load_manifest(file, {})) for file in files]
    if check:
        problems: list[LockOutOfDate] = []
        for file, asked in wanted:
            try:
                require_locked(asked, file, str(file))
                console.note(f"  {lock_path(file)}: up to date")
            except LockOutOfDate as error:
                problems.append(error)
                console.annotate("error", error.message, title=error.id, file=str(file))
        if problems:
            raise LockOutOfDate("; ".join(one.message for one in problems), problems[0].remedy)
        console.data({"checked": [str(file) for file in files]})
        return
    client = open_hub(hub, console)

    def resolve(repo: str, revision: str | None) -> str:
        return client.resolve_revision(repo, revision).commit

    for file, asked in wanted:
        new = renew(file, asked, resolve, upgrade=upgrade)
        state = "written" if write_lock(file, new) else "up to date"
        console.data({**lock_json(file, new), "state": state})
        console.result(f"{lock_path(file)}: {state}; {new.base} at {new.revision[:12]}")
