"""``hubtool measure``: sensitivities of a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hubtool.cli.options import (
    CandidateBitsOption,
    GroupSizeOption,
    GroupSizesOption,
    JsonOption,
    ReferenceOption,
    RoundingOption,
    TrustOption,
    comma_numbers,
    given_flags,
    require_parent,
    without_unset,
)
from hubtool.cli.output import open_console
from hubtool.errors import ManifestInvalid
from hubtool.quantize.calibration import LEAST_TOKENS

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.quantize.sensitivity import Sensitivity
    from hubtool.quantize.team import Team
    from hubtool.release.quantize_options import QuantizeOptions

# what means something when a quant is compared instead
BESIDE_VERIFY = {"model", "verify", "tokens", "trust_remote_code", "json_output"}
WAYS = ("fisher", "exact")  # of measuring
_MethodOption = Annotated[
    str | None, typer.Option(help="How to measure. [default: fisher]", metavar="|".join(WAYS))
]
_TokensOption = Annotated[
    int, typer.Option(help="Tokens of the calibration mix to read.", min=LEAST_TOKENS)
]
_VerifyOption = Annotated[
    Path | None,
    typer.Option(
        help="Quant folder: compare it with this base on held-out text instead, as "
        "`hubtool verify` does.",
        metavar="QUANT",
    ),
]


def measure(
    command: typer.Context,
    model: Annotated[Path, typer.Argument(help="Folder of the base model.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("sensitivity.json"),
    candidate_bits: CandidateBitsOption = None,
    group_size: GroupSizeOption = None,
    group_sizes: GroupSizesOption = None,
    reference: ReferenceOption = None,
    method: _MethodOption = None,
    tokens: _TokensOption = 3072,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder of *.jsonl to use instead of hubtool's mix.")
    ] = None,
    rounding: RoundingOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the random signs.")] = 0,
    verify: _VerifyOption = None,
    trust_remote_code: TrustOption = False,
    json_output: JsonOption = False,
) -> None:
    """Measure how much each component suffers from each bit width.

    A killed run continues by the same command. `hubtool quantize --sensitivity
    FILE` spends a bit budget by the result.

    Example: hubtool measure ./SmolLM2-135M-Instruct --out sensitivity.json
    """
    console = open_console(json_output)
    if verify is not None:
        _refuse_beside_verify(command)
        from hubtool.cli.verify import run_verify

        trust = trust_remote_code
        run_verify(model, verify, tokens=tokens, trust_remote_code=trust, console=console)
        return
    require_parent(out, "--out")
    _require_measuring(method)
    options = {
        "candidate_bits": comma_numbers(candidate_bits),
        "group_size": group_size,
        "group_sizes": comma_numbers(group_sizes),
        "reference": reference,
        "method": method,
        "calibration_tokens": tokens,
        "calibration": str(calibration) if calibration else None,
        "rounding": rounding,
        "seed": seed,
        "trust_remote_code": trust_remote_code,
    }
    _run(model, out, without_unset(options), console)


def _refuse_beside_verify(command: typer.Context) -> None:
    """Raise ManifestInvalid for flags of a measurement: comparing does none."""
    idle = given_flags(command, [*command.params.keys() - BESIDE_VERIFY])
    if idle:
        raise ManifestInvalid(
            f"{' and '.join(sorted(idle))} beside --verify: nothing is measured then",
            "leave that out, or --verify",
        )


def _run(model: Path, out: Path, options: dict[str, Any], console: Console) -> None:
    """Measure and write ``out``, alone or in a team. ``options`` are of QuantizeOptions."""
    from hubtool.quantize.blas import prefer_fast_blas
    from hubtool.quantize.team import join_team

    prefer_fast_blas()  # before mlx is imported, and the team is mlx's
    team = join_team()

    from hubtool.holding import hold_output
    from hubtool.quantize.loading import require_loadable
    from hubtool.release.manifest import check_quantize_options

    want = check_quantize_options("hubtool measure", **options)
    require_loadable(model, trust_remote_code=want.trust_remote_code)
    if not team.leads:  # it writes nothing
        _measure(model, out, want, team, console)
        return
    with hold_output(out):
        result = _measure(model, out, want, team, console)
    console.data(result.to_json())
    found = _counted(len(result.components), "component")
    console.result(f"{out}: {found} at {_counted(len(want.measurable.choices), 'choice')}")


def _measure(
    model: Path, out: Path, want: QuantizeOptions, team: Team, console: Console
) -> Sensitivity:
    """The result, written to ``out`` by the process that leads."""
    from hubtool.console import SILENT
    from hubtool.quantize.calibration import load_mix
    from hubtool.quantize.checkpoint import state_file
    from hubtool.quantize.sensitivity import measure_sensitivity

    assert want.method != "static"  # refused with all that is no way of measuring
    state = state_file(out)
    result = measure_sensitivity(
        model,
        candidate_bits=want.measurable.bits,
        group_size=want.group_size,
        group_sizes=want.measurable.group_sizes,
        method=want.method,
        reference=want.reference,
        rounding=want.rounding,
        mix=load_mix(Path(want.calibration) if want.calibration else None),
        tokens=want.calibration_tokens,
        seed=want.seed,
        state=state,
        console=console if team.leads else SILENT,
        trust_remote_code=want.trust_remote_code,
        team=team,
    )
    if team.leads:
        result.write(out)
        state.unlink(missing_ok=True)
    return result


def _require_measuring(method: str | None) -> None:
    """Raise ManifestInvalid for what is no way of measuring, and for the rule that is none."""
    if method is None or method in WAYS:
        return
    instead = "; `hubtool quantize --method static` measures nothing" if method == "static" else ""
    raise ManifestInvalid(
        f"--method {method!r} is no way of measuring",
        f"name {' or '.join(WAYS)}{instead}",
        field="method",
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
