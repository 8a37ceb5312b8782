"""``hubtool quantize``: a model folder to a quant folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.options import JsonOption, TrustOption
from hubtool.cli.output import open_console
from hubtool.errors import PathNotFound


def quantize(
    model: Annotated[Path, typer.Argument(help="Folder of the base model.")],
    out: Annotated[Path, typer.Argument(help="Quant folder to write; it must not exist.")],
    sensitivity: Annotated[
        Path, typer.Option(help="What `hubtool measure` wrote for this model.")
    ] = Path("sensitivity.json"),
    target_bpw: Annotated[float, typer.Option(help="Budget in nominal bits per weight.")] = 5.0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print why each component got its width.")
    ] = False,
    trust_remote_code: TrustOption = False,
    json_output: JsonOption = False,
) -> None:
    """Spend a bit budget over the components and quantize.

    The written file is read back: a width that differs from what was decided
    stops the command.

    Example: hubtool quantize ./SmolLM2-135M-Instruct ./quant --target-bpw 5.0 --explain
    """
    console = open_console(json_output)
    if out.exists():
        raise PathNotFound(f"{out} exists already", "name a new folder, or remove that one")
    if not sensitivity.is_file():
        raise PathNotFound(
            f"no sensitivities at {sensitivity}", f"run `hubtool measure {model}` first"
        )

    from hubtool.cli.inspect import describe
    from hubtool.quantize.allocation import explain as explain_allocation
    from hubtool.quantize.allocation import spend_budget
    from hubtool.quantize.convert import quantize_folder
    from hubtool.quantize.optiq_files import write_optiq_files
    from hubtool.quantize.sensitivity import Sensitivity

    measured = Sensitivity.read(sensitivity)
    allocation = spend_budget(measured, target_bpw)
    if explain:
        console.result(explain_allocation(allocation, measured))
    stats = quantize_folder(model, out, allocation, console, trust_remote_code=trust_remote_code)
    write_optiq_files(
        out,
        base_repo=None,
        base_revision=None,
        sensitivity=measured,
        allocation=allocation,
        stats=stats,
    )
    console.data(stats.to_json())
    console.result(describe(str(out), stats, components=False))
