"""``hubtool measure``: sensitivities of a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.options import (
    CandidateBitsOption,
    GroupSizesOption,
    JsonOption,
    RoundingOption,
    TrustOption,
    comma_numbers,
    without_unset,
)
from hubtool.cli.output import open_console
from hubtool.errors import ManifestInvalid


def measure(
    model: Annotated[Path, typer.Argument(help="Folder of the base model.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("sensitivity.json"),
    candidate_bits: CandidateBitsOption = None,
    group_size: Annotated[int, typer.Option(help="Weights that share one scale.")] = 64,
    group_sizes: GroupSizesOption = None,
    reference: Annotated[
        str, typer.Option(help="What to measure against.", metavar="auto|bf16|uniform4")
    ] = "auto",
    method: Annotated[str, typer.Option(help="How to measure.", metavar="fisher|exact")] = "fisher",
    tokens: Annotated[int, typer.Option(help="Tokens of the calibration mix to read.")] = 3072,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder of *.jsonl to use instead of hubtool's mix.")
    ] = None,
    rounding: RoundingOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the random signs.")] = 0,
    verify: Annotated[
        Path | None,
        typer.Option(
            help="Quant folder: compare it with this base on held-out text instead, as "
            "`hubtool verify` does.",
            metavar="QUANT",
        ),
    ] = None,
    trust_remote_code: TrustOption = False,
    json_output: JsonOption = False,
) -> None:
    """Measure how much each component suffers from each bit width.

    A killed run continues by the same command. `hubtool quantize --sensitivity
    FILE` spends a bit budget by the result.

    Example: hubtool measure ./SmolLM2-135M-Instruct --out sensitivity.json
    """
    if verify is not None:
        from hubtool.cli.verify import run_verify

        console = open_console(json_output)
        run_verify(
            model, verify, tokens=tokens, trust_remote_code=trust_remote_code, console=console
        )
        return

    from hubtool.console import SILENT
    from hubtool.quantize.blas import prefer_fast_blas
    from hubtool.quantize.team import join_team

    prefer_fast_blas()  # before mlx is imported, and the team is mlx's
    team = join_team()
    console = open_console(json_output) if team.leads else SILENT

    from hubtool.quantize.calibration import load_mix
    from hubtool.quantize.checkpoint import FILE_NAME
    from hubtool.quantize.sensitivity import measure_sensitivity
    from hubtool.release.manifest import check_quantize_options

    want = check_quantize_options(
        **without_unset(
            {
                "candidate_bits": comma_numbers(candidate_bits),
                "group_sizes": comma_numbers(group_sizes),
                "rounding": rounding,
            }
        ),
        group_size=group_size,
        reference=reference,
        method=method,
        calibration_tokens=tokens,
        seed=seed,
    )
    if want.method == "static":
        raise ManifestInvalid(
            "the static rule measures nothing", "hubtool quantize --method static", field="method"
        )
    result = measure_sensitivity(
        model,
        candidate_bits=want.measurable.bits,
        group_size=want.group_size,
        group_sizes=want.measurable.group_sizes,
        method=want.method,
        reference=want.reference,
        rounding=want.rounding,
        mix=load_mix(calibration),
        tokens=want.calibration_tokens,
        seed=want.seed,
        checkpoint_folder=out.absolute().parent,
        console=console,
        trust_remote_code=trust_remote_code,
        team=team,
    )
    if not team.leads:
        return
    result.write(out)
    (out.absolute().parent / FILE_NAME).unlink()
    console.data(result.to_json())
    choices = len(want.measurable.choices)
    console.result(f"{out}: {len(result.components)} components at {choices} choices")
