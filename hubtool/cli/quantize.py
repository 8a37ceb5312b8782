"""``hubtool quantize``: a model folder to a quant folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hubtool.cli.options import (
    CalibrationTokensOption,
    CandidateBitsOption,
    ContextOption,
    FitOption,
    GroupSizesOption,
    HubOption,
    JsonOption,
    MaxSizeOption,
    MethodOption,
    RoundingOption,
    SensitivityOption,
    StoredBpwOption,
    TargetBpwOption,
    TrustOption,
    quantize_fields,
    refuse_idle_flags,
)
from hubtool.cli.output import open_console
from hubtool.errors import ManifestInvalid, PathNotFound, TargetExists

if TYPE_CHECKING:
    from hubtool.artifact.stats import QuantStats
    from hubtool.console import Console
    from hubtool.hub.client import HubClient
    from hubtool.quantize.allocation import Allocation
    from hubtool.quantize.budget import Budget
    from hubtool.quantize.sensitivity import Sensitivity
    from hubtool.release.quantize_options import QuantizeOptions

_TargetArgument = Annotated[
    Path | None, typer.Argument(help="Quant folder to write, as with --out.", metavar="OUT")
]
_OutOption = Annotated[Path | None, typer.Option(help="Quant folder to write; it must not exist.")]
_ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Print why each component got its width.")
]


def quantize(
    command: typer.Context,
    model: Annotated[Path, typer.Argument(help="Folder of the base model.")],
    target: _TargetArgument = None,
    out: _OutOption = None,
    target_bpw: TargetBpwOption = None,
    stored_bpw: StoredBpwOption = None,
    max_size: MaxSizeOption = None,
    fit: FitOption = None,
    context: ContextOption = None,
    candidate_bits: CandidateBitsOption = None,
    group_sizes: GroupSizesOption = None,
    method: MethodOption = None,
    sensitivity: SensitivityOption = None,
    rounding: RoundingOption = None,
    calibration_tokens: CalibrationTokensOption = None,
    explain: _ExplainOption = False,
    trust_remote_code: TrustOption = False,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Spend a bit budget over the components and quantize.

    Without --sensitivity it measures first, as `hubtool measure` does. The
    written file is read back: a width that differs from what was decided stops
    the command.

    Example: hubtool quantize ./SmolLM2-135M-Instruct --stored-bpw 5.0 --out ./quant --explain
    """
    console = open_console(json_output)
    refuse_idle_flags(command, sensitivity=sensitivity)
    folder = _target(target, out)
    _run(model, folder, quantize_fields(command), explain=explain, hub=hub, console=console)


def _run(
    model: Path,
    folder: Path,
    options: dict[str, Any],
    *,
    explain: bool,
    hub: str | None,
    console: Console,
) -> None:
    """Decide, write ``folder``, print. ``options`` are fields of QuantizeOptions."""
    from hubtool.cli.inspect import describe
    from hubtool.cli.session import open_hub
    from hubtool.holding import hold_output
    from hubtool.quantize.loading import require_loadable
    from hubtool.release.manifest import check_quantize_options

    want = check_quantize_options("hubtool quantize", **options)
    require_loadable(model, trust_remote_code=want.trust_remote_code)
    is_remote = want.sensitivity is not None and not Path(want.sensitivity).exists()
    # before the output is held: a local Hub runs this command anew, in a child
    client = open_hub(hub, console) if is_remote else None
    with hold_output(folder):
        _require_new(folder)  # another run may have written it since
        stats, gaps = _decide_and_write(model, folder, want, explain, client, console)
    console.data({**stats.to_json(), "notes": gaps})
    console.result(describe(str(folder), stats, components=False))


def _decide_and_write(
    model: Path,
    folder: Path,
    want: QuantizeOptions,
    explain: bool,
    client: HubClient | None,
    console: Console,
) -> tuple[QuantStats, tuple[str, ...]]:
    """The quant's figures, read back, and what the sensitivities lacked."""
    from hubtool.quantize.allocation import spend_budget
    from hubtool.quantize.checkpoint import state_file
    from hubtool.quantize.explanation import explain as explain_allocation
    from hubtool.quantize.explanation import tell
    from hubtool.quantize.footprint import footprint_of_folder
    from hubtool.quantize.gaps import gaps_of
    from hubtool.quantize.memory import settle

    trust = want.trust_remote_code
    budget = settle(want.budget, model, trust_remote_code=trust)
    state = state_file(folder)
    measured = _sensitivity(model, want, budget, state, client, console)
    footprint = footprint_of_folder(model, min(measured.group_sizes), trust_remote_code=trust)
    allocation = spend_budget(measured, budget, footprint)
    tell(allocation, console)
    gaps = gaps_of(measured, allocation, footprint, asked=want.asked, rounding=want.rounding)
    for gap in gaps:
        console.note(f"  {gap}")
    if explain:
        console.result(explain_allocation(allocation, measured))
    stats = _write(model, folder, want, measured, allocation, console)
    state.unlink(missing_ok=True)
    return stats, gaps


def _write(
    model: Path,
    folder: Path,
    want: QuantizeOptions,
    measured: Sensitivity,
    allocation: Allocation,
    console: Console,
) -> QuantStats:
    """The quant folder with what it says of itself; its figures, read back."""
    from hubtool.artifact.identity import weights_sha256
    from hubtool.quantize.convert import quantize_folder
    from hubtool.quantize.optiq_files import write_optiq_files
    from hubtool.quantize.rounding.apply import RoundingOptions

    stats = quantize_folder(
        model,
        folder,
        allocation,
        console,
        rounding=RoundingOptions(want.rounding, tokens=want.calibration_tokens),
        trust_remote_code=want.trust_remote_code,
    )
    write_optiq_files(
        folder,
        base_repo=None,
        base_revision=None,
        base_sha256=weights_sha256(model),
        sensitivity=measured,
        allocation=allocation,
        stats=stats,
        rounding=want.rounding,
    )
    return stats


def _sensitivity(
    model: Path,
    want: QuantizeOptions,
    budget: Budget,
    state: Path,
    client: HubClient | None,
    console: Console,
) -> Sensitivity:
    """From where ``want`` says; a budget that cannot be is told before hours of measuring."""
    from hubtool.quantize.possible import require_possible
    from hubtool.release.stages.measure import measure_options, sensitivity_of

    if want.sensitivity is None:
        require_possible(
            model, budget, want.grid, want.group_size, trust_remote_code=want.trust_remote_code
        )
    return sensitivity_of(
        model,
        measure_options(want),
        hub=client,
        state=state,
        console=console,
    )


def _target(positional: Path | None, option: Path | None) -> Path:
    """The folder to write, from either place. Raises ManifestInvalid, TargetExists,
    PathNotFound."""
    folder = option or positional
    if folder is None or (option and positional):
        raise ManifestInvalid("one folder to write is needed", "name it: --out DIR", field="out")
    _require_new(folder)
    there = next(one for one in folder.absolute().parents if one.exists())
    if not there.is_dir():
        raise PathNotFound(f"{there} is a file, {folder} cannot be in it", "name another folder")
    return folder


def _require_new(folder: Path) -> None:
    if folder.exists():
        raise TargetExists(f"{folder} exists already", "name a new folder, or remove that one")
