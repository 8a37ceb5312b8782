"""``hubtool matrix``: the releases of a tag, for a workflow's ``strategy.matrix``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.options import without_unset
from hubtool.cli.output import open_console


def matrix(
    tag: Annotated[
        str | None, typer.Option(help="The releases of this git tag. [default: all at HEAD]")
    ] = None,
    changed_since: Annotated[
        str | None,
        typer.Option(help="Only manifests that changed since that tag or commit.", metavar="TAG"),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Only this one, by its path in the repository.")
    ] = None,
    org: Annotated[str | None, typer.Option(help="As for release.")] = None,
    target_bpw: Annotated[float | None, typer.Option(help="As for release.")] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Print the manifests' paths instead, one a line.")
    ] = False,
    github: Annotated[
        bool,
        typer.Option(
            "--github",
            help="Also set the step's outputs: matrix, count, and the fields of a single release.",
        ),
    ] = False,
) -> None:
    """Print JSON for a workflow's matrix: one manifest a job.

    Read from git; asks no Hub. The value is for `strategy.matrix`. Each job has manifest, name,
    repo, base, work (its folder in .hubtool), tools (the locked ones), and the keys base_key,
    measurement_key and quant_key: fingerprints of what its caches hold.

    Example: hubtool matrix --tag v2026.11
    """
    console = open_console()

    import dataclasses
    import json

    from hubtool.release.git_tag import open_repo
    from hubtool.release.github import reported, set_outputs
    from hubtool.release.matrix import jobs_of

    flags = {
        "publish": without_unset({"org": org}),
        "quantize": without_unset({"target_bpw": target_bpw}),
    }
    with reported(str(manifest or tag or "matrix"), console), open_repo(Path()) as repo:
        jobs = jobs_of(
            repo,
            tag=tag,
            changed_since=changed_since,
            only=manifest.as_posix() if manifest else None,
            flags=flags,
        )
    text = json.dumps({"include": [dataclasses.asdict(job) for job in jobs]})
    for line in [job.manifest for job in jobs] if lines else [text]:
        typer.echo(line)
    if github:
        single = dataclasses.asdict(jobs[0]) if len(jobs) == 1 else {}
        set_outputs({"matrix": text, "count": str(len(jobs)), **single})
