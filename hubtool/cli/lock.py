"""``hubtool lock``: pin the base's commit and the tools beside each manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import HubOption, JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub
from hubtool.errors import LockOutOfDate, PathNotFound

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.hub.client import HubClient
    from hubtool.release.manifest import ReleaseManifest


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

    from hubtool.release.lockfile import manifest_files
    from hubtool.release.manifest import load_manifest

    files = list(manifest or manifest_files(Path("releases")))
    if not files:
        raise PathNotFound("no manifest under releases/", "name one: `hubtool lock FILE`")
    if tools:
        _print_tools(files, console)
        return
    asked = {file: load_manifest(file, {}) for file in files}
    if check:
        _check(asked, console)
    else:
        _renew(asked, open_hub(hub, console), console, upgrade=upgrade)


def _print_tools(files: list[Path], console: Console) -> None:
    """The locked tools of all locks, as requirements for pip."""
    from hubtool.release.lockfile import locked_tools, read_lock

    locks = [(file, found) for file in files if (found := read_lock(file))]
    lines = [f"{name}=={version}" for name, version in locked_tools(locks).items()]
    console.data({"tools": lines})
    if lines:
        console.result("\n".join(lines))


def _check(asked: Mapping[Path, ReleaseManifest], console: Console) -> None:
    """Raise LockOutOfDate with every lock that would change; each is an annotation as well."""
    from hubtool.release.lockfile import lock_path, require_locked

    problems: list[LockOutOfDate] = []
    for file, manifest in asked.items():
        try:
            require_locked(manifest, file, str(file))
            console.note(f"  {lock_path(file)}: up to date")
        except LockOutOfDate as error:
            problems.append(error)
            console.annotate("error", error.message, title=error.id, file=str(file))
    if problems:
        raise LockOutOfDate("; ".join(one.message for one in problems), problems[0].remedy)
    console.data({"checked": [str(file) for file in asked]})


def _renew(
    asked: Mapping[Path, ReleaseManifest], client: HubClient, console: Console, *, upgrade: bool
) -> None:
    """Write each lock that changes."""
    from hubtool.release.lockfile import lock_json, lock_path, renew, write_lock

    def resolve(repo: str, revision: str | None) -> str:
        return client.resolve_revision(repo, revision).commit

    for file, manifest in asked.items():
        new = renew(file, manifest, resolve, upgrade=upgrade)
        state = "written" if write_lock(file, new) else "up to date"
        console.data({**lock_json(file, new), "state": state})
        console.result(f"{lock_path(file)}: {state}; {new.base} at {new.revision[:12]}")
