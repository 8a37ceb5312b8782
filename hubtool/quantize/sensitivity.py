"""How much each component suffers from each bit width."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from hubtool.artifact.identity import weights_sha256
from hubtool.console import SILENT, Console
from hubtool.errors import NothingToQuantize
from hubtool.quantize.blas import needs_column_major
from hubtool.quantize.checkpoint import Checkpoint, fingerprint_of_inputs
from hubtool.quantize.choice import choices_of
from hubtool.quantize.components import Component, find_components
from hubtool.quantize.exact import ExactMethod
from hubtool.quantize.fisher import FisherMethod
from hubtool.quantize.floor import noise_floor
from hubtool.quantize.loading import load_as_declared, load_tokenizer
from hubtool.quantize.method import SensitivityMethod, Subject, Sums, WeightSource
from hubtool.quantize.reference import (
    choose_reference,
    run_bf16,
    run_streamed,
    run_uniform4,
    warn_of_shortage,
)
from hubtool.quantize.rounding.gains import Gains, rounding_gains, scaled
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.running import RunningModel
from hubtool.quantize.steps import run_steps_left
from hubtool.quantize.team import Team
from hubtool.quantize.telling import tell_noise, tell_products
from hubtool.records import Record

if TYPE_CHECKING:
    import mlx.nn as nn

    from hubtool.quantize.calibration import CalibrationMix, Window

Reference = Literal["bf16", "uniform4"]
LONGEST_WINDOW = 512  # tokens
Method = Literal["fisher", "exact"]  # of measuring
Origin = Literal[Method, "static", "published"]  # of the figures in a record


@dataclasses.dataclass(frozen=True)
class ComponentSensitivity:
    """One quantizable module, by its path in the mlx-lm model (``model.layers.0.mlp.up_proj``).

    ``kl`` maps the key of a choice (``4``, ``4/32``; see ``Choice.key``) to the KL
    divergence from the reference, in nats a token, that this choice adds.
    """

    name: str
    parameters: int
    kl: dict[str, float]


@dataclasses.dataclass(frozen=True)
class CalibrationUse:
    """What was measured on: the mix's sha256, its domains in order, samples and tokens read."""

    sha256: str
    domains: tuple[str, ...]
    samples: int
    tokens: int


@dataclasses.dataclass(frozen=True)
class Sensitivity(Record):
    """A KL per component and choice: measured, or where ``method`` says so not by us.

    ``static`` figures come from a rule and ``published`` ones from ``source``, a file that does
    not say how they were measured; both have no calibration. ``group_size`` is the one that keys
    leave out; ``group_sizes`` are all that were tried. ``reference_reason`` says why the reference
    is what it is ("bf16 needs 15.9 GB, 11.2 GB were free"). ``dtype`` is the arithmetic of the
    pass, ``noise_floor`` the KL in nats a token that it alone makes; the KL is of ``rounding``.
    """

    schema: ClassVar[int] = 2
    components: tuple[ComponentSensitivity, ...]
    candidate_bits: tuple[int, ...]
    group_size: int
    group_sizes: tuple[int, ...]
    method: Origin
    reference: Reference | None
    reference_reason: str
    calibration: CalibrationUse | None
    dtype: str
    noise_floor: float | None = None
    rounding: RoundingName = "nearest"
    source: str | None = None  # repo at its commit, or file, that published it
    base_sha256: str | None = None  # of the weights that were measured, by weights_sha256


@dataclasses.dataclass(frozen=True)
class _Request:
    """The arguments of :func:`measure_sensitivity` that its parts share."""

    folder: Path
    candidate_bits: tuple[int, ...]
    group_size: int
    group_sizes: tuple[int, ...]
    method: Method
    reference: Literal["auto", "bf16", "uniform4"]
    rounding: RoundingName
    seed: int
    trust_remote_code: bool


def measure_sensitivity(
    model_folder: Path,
    *,
    candidate_bits: Sequence[int],
    group_size: int,
    group_sizes: Sequence[int] = (),
    method: Method = "fisher",
    reference: Literal["auto", "bf16", "uniform4"] = "auto",
    rounding: RoundingName = "nearest",
    mix: CalibrationMix,
    tokens: int,
    seed: int,
    state: Path,
    console: Console = SILENT,
    trust_remote_code: bool = False,
    team: Team | None = None,
) -> Sensitivity:
    """How much KL divergence each component of the model adds at each choice.

    Choices are every width with every one of ``group_sizes`` (``group_size``
    alone without any). Reads ``tokens`` tokens of ``mix``, evenly over its
    domains. What is done is written to the file ``state`` after every step; the same
    call continues there and ends with the same bits. ``auto`` measures against
    bf16 if that fits in free memory. Raises NothingToQuantize, MeasureFailed,
    CalibrationInvalid, and what loading the model raises. Every process of a
    ``team`` makes the same call and gets the same result; one writes state.
    """
    tell_products(console)
    team = team or Team()
    want = _Request(
        model_folder,
        tuple(sorted(set(candidate_bits))),
        group_size,
        tuple(sorted({group_size, *group_sizes})),
        method,
        reference,
        rounding,
        seed,
        trust_remote_code,
    )
    model = load_as_declared(model_folder, trust_remote_code=trust_remote_code)
    components = _components(model, want, console)
    windows = _windows(want, mix, tokens)
    checkpoint = _checkpoint(want, windows, components, state, team)
    console.note(f"  reference {checkpoint.reference}: {checkpoint.reference_reason}")
    warn_of_shortage(model_folder, components, checkpoint.reference, console)
    floor, gains = _measure(want, model, components, windows, checkpoint, console, team)
    sums = scaled(checkpoint.sums, gains)
    result = _result(want, mix, windows, components, checkpoint, sums, floor)
    tell_noise(floor, (one.kl for one in result.components), console)
    return result


def _components(model: nn.Module, want: _Request, console: Console) -> tuple[Component, ...]:
    components, left_out = find_components(model, min(want.group_sizes))
    for one in left_out:
        console.note(f"  {one.name} stays unquantized: {one.reason}")
    if not components:
        raise NothingToQuantize(
            f"{want.folder} has no component that can be quantized at group size {want.group_size}",
            "use a base in bf16, or another --group-size",
        )
    return components


def _windows(want: _Request, mix: CalibrationMix, tokens: int) -> tuple[Window, ...]:
    tokenizer = load_tokenizer(want.folder, trust_remote_code=want.trust_remote_code)
    return mix.token_windows(tokenizer, tokens, longest=LONGEST_WINDOW)


def _checkpoint(
    want: _Request,
    windows: tuple[Window, ...],
    components: Sequence[Component],
    state: Path,
    team: Team,
) -> Checkpoint:
    """The state to go on from, or a new one with the reference settled; the first process's."""
    mine = _own_checkpoint(want, windows, components, state)
    return Checkpoint(state, **team.from_lead(mine.state()), writes=team.leads)


def _own_checkpoint(
    want: _Request, windows: tuple[Window, ...], components: Sequence[Component], state: Path
) -> Checkpoint:
    asked = dataclasses.asdict(want)
    del asked["folder"], asked["rounding"]  # what is kept is of rounding to nearest
    asked["windows"] = [window.tokens for window in windows]
    asked["tools"] = {name: version(name) for name in ("hubtool", "mlx", "mlx-lm")}
    fingerprint = fingerprint_of_inputs(want.folder, asked)
    if (before := Checkpoint.load(state, fingerprint)) is not None:
        return before
    chosen: tuple[str, str] = (want.reference, "as asked for")
    if want.reference == "auto":
        chosen = choose_reference(want.folder, components)
    return Checkpoint(state, fingerprint, *chosen)


def _measure(
    want: _Request,
    model: nn.Module,
    components: tuple[Component, ...],
    windows: tuple[Window, ...],
    checkpoint: Checkpoint,
    console: Console,
    team: Team,
) -> tuple[float, Gains]:
    """Run the steps that the checkpoint has not seen; the noise floor, and what rounding gains."""
    exact = ExactMethod(same_reference=checkpoint.reference != "uniform4")
    method: SensitivityMethod = FisherMethod(exact) if want.method == "fisher" else exact
    running, source = _running(want, model, components, checkpoint.reference)
    subject = Subject(
        running,
        components,
        source,
        choices_of(want.candidate_bits, want.group_sizes),
        want.group_size,
        tuple(tuple(window.tokens) for window in windows),
        want.seed,
    )
    unit = "tokens" if want.method == "fisher" else "components"
    title = f"measuring ({want.method})"
    run_steps_left(method, subject, checkpoint, console, team, title, unit)
    return noise_floor(subject), rounding_gains(subject, want.rounding, team)


def _running(
    want: _Request, model: nn.Module, components: tuple[Component, ...], reference: str
) -> tuple[RunningModel, WeightSource]:
    """The reference, and where the high-precision weights come from."""
    column_major = needs_column_major()
    if reference == "bf16":
        return run_bf16(model, components, column_major=column_major)
    trust = want.trust_remote_code
    if reference == "streamed":
        return run_streamed(
            model, components, want.folder, trust_remote_code=trust, column_major=column_major
        )
    return run_uniform4(
        model,
        components,
        want.folder,
        group_size=want.group_size,
        trust_remote_code=trust,
        column_major=column_major,
    )


def _result(
    want: _Request,
    mix: CalibrationMix,
    windows: tuple[Window, ...],
    components: Sequence[Component],
    checkpoint: Checkpoint,
    sums: Sums,
    floor: float,
) -> Sensitivity:
    positions = sum(len(window.tokens) for window in windows)
    return Sensitivity(
        components=tuple(
            ComponentSensitivity(
                component.name,
                component.parameters,
                {key: kl / positions for key, kl in sums[component.name].items()},
            )
            for component in components
        ),
        candidate_bits=want.candidate_bits,
        group_size=want.group_size,
        group_sizes=want.group_sizes,
        method=want.method,
        # streamed or held, it is the same model
        reference="uniform4" if checkpoint.reference == "uniform4" else "bf16",
        reference_reason=checkpoint.reference_reason,
        calibration=CalibrationUse(mix.sha256, tuple(mix.domains), len(windows), positions),
        dtype="float32",
        noise_floor=floor,
        rounding=want.rounding,
        base_sha256=weights_sha256(want.folder),
    )
