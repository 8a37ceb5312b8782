"""``hubtool hub``: serve the local Hub, and put folders into it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.serving import StopSignals
from hubtool.cli.session import local_hub_root
from hubtool.errors import ManifestInvalid

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.localhub.accounts import OrgRole
    from hubtool.localhub.server import RunningHub

app = typer.Typer(
    help="A small Hub on this machine, for rehearsals and tests.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)

RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root", metavar="DIR", help="Where the Hub keeps its repos.", show_default=False
    ),
]

SERVE_HELP = """Serve the local Hub until Ctrl-C.

Any Hub client talks to it through HF_ENDPOINT; the settings are printed at the start.

\b
Examples:
  hubtool hub serve --port 8765
  hubtool hub serve --fault 'commit:status=503,times=2' --fault 'resolve:slow=100000'

A fault is ROUTE:key=value,... where ROUTE is a name (commit, preupload, lfs-batch, lfs-upload,
lfs-part, lfs-complete, lfs-verify, resolve, raw, tree, info, list, create-repo, whoami,
validate-yaml, merge, and more in docs/reference/local-hub.md), * for all, or a path pattern
that starts with a slash.

\b
  which requests: method=PUT  nth=3  every=2  probability=0.1  seed=7  times=2
  what happens:   status=503  retry_after=5  rate_limit=30  latency=0.5  slow=100000 (bytes/s)
                  drop=1000 (reset after so many bytes of the request)  lost (done, but no answer)
                  truncate=1000 (end the answer after so many bytes)  reset (with truncate: RST)
                  together=2 (hold a request until so many are there)

With --org roles are enforced: you may write only where a role allows it. Without it every
organisation is yours and is created when it is first used.
"""


@app.command("serve", help=SERVE_HELP)
def serve(
    root: RootOption = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")
    ] = 0,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="SPEC", help="Misbehave; repeatable.")
    ] = None,
    org: Annotated[
        list[str] | None,
        typer.Option("--org", metavar="NAME:ROLE", help="An organisation and your role in it."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Serve until a signal; see SERVE_HELP."""
    console = open_console(json_output)
    folder = root or local_hub_root()

    from hubtool.localhub.faults import parse_fault
    from hubtool.localhub.server import start_local_hub
    from hubtool.localhub.store import DEFAULT_USER

    faults = [parse_fault(spec) for spec in fault or []]
    roles = [_org_role(text) for text in org or []]
    stop = StopSignals()
    with start_local_hub(folder, port=port, faults=faults, open_namespaces=not roles) as hub:
        for name, role in roles:
            hub.store.create_org(name, {DEFAULT_USER: role})
        _introduce(hub, folder, console)
        stop.wait()


@app.command("add")
def add(
    repo: Annotated[str, typer.Argument(help="Repo to put the files into, ORG/NAME.")],
    folder: Annotated[Path, typer.Argument(help="Folder with the repo's files.")],
    root: RootOption = None,
    message: Annotated[str, typer.Option(help="Title of the commit.")] = "Add files",
    private: Annotated[bool, typer.Option("--private", help="Make the repo private.")] = False,
    gated: Annotated[str, typer.Option(help="Gate the files: auto or manual.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what the folder does not hold.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Put a folder into a repo of the local Hub, as one commit, without a server.

    Large files are hard-linked. While a server uses the root, upload to its address instead.

    Example: hubtool hub add my-org/my-base ./checkpoint
    """
    console = open_console(json_output)

    from hubtool.localhub.refusal import Refusal
    from hubtool.localhub.store import Store

    if gated not in ("", "auto", "manual"):
        raise typer.BadParameter(f"--gated takes auto or manual, not {gated!r}")
    with Store(root or local_hub_root()) as store:
        try:
            commit = store.seed_repo(
                repo, folder, message=message, private=private, gated=gated, replace=replace
            )
        except Refusal as error:  # in the words of an HTTP answer, which says no more
            raise ManifestInvalid(
                error.message, "name it ORG/NAME: letters, digits, '-', '_' and '.', up to 96"
            ) from error
    console.result(f"{repo} is at commit {commit}")
    console.data({"repo": repo, "commit": commit})


def _introduce(hub: RunningHub, root: Path, console: Console) -> None:
    from hubtool.localhub.server import TOKEN_FILE

    # the token itself is never printed: the client reads it from its file
    token_path = root.absolute() / TOKEN_FILE
    console.result(f"local Hub at {hub.url} (kept in {root})")
    console.note("in another terminal:")
    console.note(f"  export HF_ENDPOINT={hub.url} HF_TOKEN_PATH={token_path}")
    console.note("  export HF_HUB_DISABLE_XET=1 NO_PROXY=127.0.0.1,localhost HF_HOME=$(mktemp -d)")
    console.data({"url": hub.url, "pid": os.getpid(), "token_path": str(token_path)})


def _org_role(text: str) -> tuple[str, OrgRole]:
    from hubtool.localhub.accounts import ORG_ROLES

    name, _, wanted = text.partition(":")
    for role in ORG_ROLES:
        if name and role == wanted:
            return name, role
    raise ManifestInvalid(
        f"--org {text!r}: expected NAME:ROLE", f"ROLE is one of {', '.join(ORG_ROLES)}"
    )
