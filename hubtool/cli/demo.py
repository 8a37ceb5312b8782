"""``hubtool demo``: two releases on a Hub of this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.options import JsonOption
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub

PORT = 8765


class DemoName(StrEnum):
    """What the demo can release."""

    SMOLLM2 = "smollm2"
    GEMMA4 = "gemma4"


def demo(
    only: Annotated[
        DemoName | None, typer.Option(help="Release only this one.", show_default=False)
    ] = None,
    root: Annotated[Path, typer.Option(help="Where everything is kept.", metavar="DIR")] = Path(
        ".demo"
    ),
    json_output: JsonOption = False,
) -> None:
    """Release two small models to a local Hub, as a tour.

    A trained language model (SmolLM2-135M-Instruct, from a package) and a
    vision-language model of Gemma 4's architecture are built, put on a Hub
    that runs on this machine, quantized, carded, published and verified. No
    token and no account are needed. A second run finds nothing to do.

    Example: hubtool demo --only gemma4
    """
    console = open_console(json_output)
    hub = open_hub(f"local:{root / 'hub'}", console)

    from hubtool.cli.receipt import print_result
    from hubtool.demo.run import BASES, run_demo

    names = (only.value,) if only else tuple(BASES)
    results = run_demo(names, hub=hub, root=root.absolute(), console=console)
    for result in results:
        print_result(result, console)
    console.result(
        f"\nLook at the pages: hubtool hub serve --root {root / 'hub'} --port {PORT}\n"
        + "\n".join(
            f"  http://127.0.0.1:{PORT}/{result.receipt.repo}"
            for result in results
            if result.receipt
        )
    )
