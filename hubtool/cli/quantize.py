"""``hubtool quantize``: a model folder to a quant folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import JsonOption, TrustOption
from hubtool.cli.output import open_console
from hubtool.errors import ManifestInvalid, PathNotFound

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.quantize.sensitivity import Sensitivity


def quantize(
    model: Annotated[Path, typer.Argument(help="Folder of the base model.")],
    out: Annotated[Path, typer.Argument(help="Quant folder to write; it must not exist.")],
    sensitivity: Annotated[
        Path | None,
        typer.Option(help="What `hubtool measure` wrote for this model. [default: measure now]"),
    ] = None,
    target_bpw: Annotated[float, typer.Option(help="Budget in nominal bits per weight.")] = 5.0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print why each component got its width.")
    ] = False,
    trust_remote_code: TrustOption = False,
    json_output: JsonOption = False,
) -> None:
    """Spend a bit budget over the components and quantize.

    Without --sensitivity it measures first, as `hubtool measure` does by
    default. The written file is read back: a width that differs from what was
    decided stops the command.

    Example: hubtool quantize ./SmolLM2-135M-Instruct ./quant --target-bpw 5.0 --explain
    """
    console = open_console(json_output)
    if out.exists():
        raise ManifestInvalid(f"{out} exists already", "name a new folder, or remove that one")
    if sensitivity is not None and not sensitivity.is_file():
        raise PathNotFound(
            f"no sensitivities at {sensitivity}", f"run `hubtool measure {model}` first"
        )

    from hubtool.cli.inspect import describe
    from hubtool.quantize.allocation import explain as explain_allocation
    from hubtool.quantize.allocation import spend_budget
    from hubtool.quantize.checkpoint import FILE_NAME
    from hubtool.quantize.convert import quantize_folder
    from hubtool.quantize.optiq_files import write_optiq_files
    from hubtool.quantize.sensitivity import Sensitivity

    measured = (
        Sensitivity.read(sensitivity)
        if sensitivity
        else _measure(model, out, console, trust_remote_code=trust_remote_code)
    )
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
    if sensitivity is None:
        (out.absolute().parent / FILE_NAME).unlink()
    console.data(stats.to_json())
    console.result(describe(str(out), stats, components=False))


def _measure(model: Path, out: Path, console: Console, *, trust_remote_code: bool) -> Sensitivity:
    """Sensitivities by the defaults of a release; the state to resume from lies beside ``out``."""
    from hubtool.quantize.calibration import load_mix
    from hubtool.quantize.sensitivity import measure_sensitivity
    from hubtool.release.manifest import QuantizeOptions

    want = QuantizeOptions()
    return measure_sensitivity(
        model,
        candidate_bits=want.candidate_bits,
        group_size=want.group_size,
        method=want.method,
        reference=want.reference,
        mix=load_mix(None),
        tokens=want.calibration_tokens,
        seed=want.seed,
        checkpoint_folder=out.absolute().parent,
        console=console,
        trust_remote_code=trust_remote_code,
    )
