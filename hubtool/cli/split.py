"""``hubtool split``: a base's towers into the sidecar of its quant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console
from hubtool.errors import PathNotFound


def split(
    base: Annotated[Path, typer.Argument(help="Folder of the base model, with all its weights.")],
    quant: Annotated[Path, typer.Argument(help="Quant folder; it is changed in place.")],
    base_repo: Annotated[
        str | None, typer.Option(help="Hub id of the base, for config.json. [default: folder name]")
    ] = None,
    mtp: Annotated[bool, typer.Option(help="Keep the speculative head as well.")] = True,
    json_output: JsonOption = False,
) -> None:
    """Put a base's towers into a quant's bf16 sidecar.

    Tower tensors are copied bit for bit, one at a time; index, config.json and
    processor files follow.

    Example: hubtool split ./gemma-4-e4b-it ./gemma-4-e4b-it-4bit
    """
    console = open_console(json_output)
    for folder in (base, quant):
        if not (folder / "config.json").is_file():
            raise PathNotFound(f"{folder} has no config.json", "name the folder of a whole model")

    from hubtool.artifact.split import split_towers
    from hubtool.holding import hold_output

    with hold_output(quant):
        sidecars = split_towers(
            base, quant, vision=True, mtp=mtp, base_repo=base_repo or base.name, console=console
        )
    console.data({"sidecars": [sidecar.path for sidecar in sidecars]})
    for sidecar in sidecars:
        console.result(f"{quant / sidecar.path}: {sidecar.tensors} tensors")
    if not sidecars:
        console.result(f"{base} has no towers: {quant} is the language model alone")
