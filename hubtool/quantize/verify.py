"""Verify: a quant's true distance from its base on held-out text, and a uniform quant's.

Sensitivities predict what rounding costs, one component at a time. This is
what it did cost, all together, on text that no decision was made by.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.artifact.stats import QuantStats, stats_of_folder
from hubtool.console import SILENT, Console, format_bytes
from hubtool.errors import PathNotFound, StatsDisagree
from hubtool.quantize.blas import describe_blas, prefer_fast_blas
from hubtool.quantize.distance import WindowScore, base_perplexity, distance_of, kl_ratio
from hubtool.quantize.divergence import POSITIONS_AT_ONCE, compare_models
from hubtool.quantize.heldout import load_heldout
from hubtool.quantize.loading import load_tokenizer
from hubtool.quantize.predictor import Opening
from hubtool.quantize.uniform import Uniform, nearest_uniform
from hubtool.quantize.verification import TextUse, UniformTwin, Verification

if TYPE_CHECKING:
    import mlx.nn as nn

    from hubtool.quantize.running import RunningModel

DEFAULT_TOKENS = 3072
LONGEST = 256  # tokens of a window: its logits under two models are held
_OURS, _UNIFORM = "the quant", "the uniform quant"


def verify_quant(
    base_folder: Path,
    quant_folder: Path,
    *,
    tokens: int = DEFAULT_TOKENS,
    console: Console = SILENT,
    trust_remote_code: bool = False,
) -> Verification:
    """Compare a quant, and the uniform quant of its size, with their base on held-out text.

    ``tokens`` are shared evenly by the domains of the held-out set. Models that
    do not fit into free memory are streamed from disk: the result is the same.
    Raises what loading raises, PathNotFound for a folder that is none of a
    model, StatsDisagree for a base that is quantized, a quant that is not, and
    one of another base's shape, CalibrationInvalid for too few tokens,
    MeasureFailed if a prediction is not finite.
    """
    console.note(f"  {describe_blas(prefer_fast_blas())}")
    stored_bpw = _stats_of_a_quant(base_folder, quant_folder).language_stored_bpw
    text = load_heldout()
    tokenizer = load_tokenizer(base_folder, trust_remote_code=trust_remote_code)
    windows = [one.tokens for one in text.token_windows(tokenizer, tokens, longest=LONGEST)]
    opening = Opening(trust_remote_code=trust_remote_code)
    cast = opening.cast(base_folder)
    uniform = nearest_uniform(cast, stored_bpw)
    need = _Need.of(cast, base_folder, quant_folder, max(map(len, windows)))
    if (reason := need.refusal) is not None:
        return Verification(None, stored_bpw, None, None, None, skipped=reason)
    opening = dataclasses.replace(opening, streamed=not need.is_held)
    if opening.streamed:
        console.note(f"  weights are read from disk for each window: {need.held_reason}")
    quants: dict[str, RunningModel] = {_OURS: opening.quant(base_folder, quant_folder)}
    if uniform is not None:
        quants[_UNIFORM] = opening.rounded(base_folder, uniform.choices)
    scores = compare_models(opening.base(base_folder), quants, windows, console)
    return Verification(
        distance=distance_of(scores[_OURS]),
        stored_bpw=stored_bpw,
        uniform=_twin(uniform, scores) if uniform else None,
        base_perplexity=base_perplexity(scores[_OURS]),
        text=TextUse(text.sha256, text.domains, len(windows), sum(map(len, windows))),
    )


def _stats_of_a_quant(base_folder: Path, quant_folder: Path) -> QuantStats:
    """What the quant's bytes say; it must be one, and its base must not."""
    for folder in (base_folder, quant_folder):
        if not (folder / "config.json").is_file():
            raise PathNotFound(f"{folder} holds no config.json", "name a model's folder")
    if stats_of_folder(base_folder).components:
        raise StatsDisagree(
            f"{base_folder} is quantized: a distance from it says nothing of the base",
            "name the folder of the base that the quant was made from",
        )
    found = stats_of_folder(quant_folder)
    if not found.components:
        raise StatsDisagree(f"{quant_folder} is not quantized", "name a quant's folder")
    return found


def _twin(uniform: Uniform, scores: dict[str, tuple[WindowScore, ...]]) -> UniformTwin:
    return UniformTwin(
        uniform.choice.bits,
        uniform.choice.group_size,
        uniform.stored_bpw,
        distance_of(scores[_UNIFORM]),
        kl_ratio(scores[_UNIFORM], scores[_OURS]),
    )


@dataclasses.dataclass(frozen=True)
class _Need:
    """Bytes of memory that comparing takes with the models held, and with them streamed."""

    held: int
    streamed: int
    free: int

    @classmethod
    def of(cls, model: nn.Module, base: Path, quant: Path, window: int) -> _Need:
        from mlx.utils import tree_flatten

        from hubtool.quantize.reference import free_bytes

        shapes = [array.shape for _, array in tree_flatten(model.parameters()) if array.ndim > 1]
        largest = max((_product(shape) for shape in shapes), default=0)
        vocabulary = max((shape[-2] for shape in shapes), default=0)
        # two models' logits, what is computed of a part of them, the largest weight as stored
        # and twice in float32, activations of a few layers
        working = (
            4 * vocabulary * (2 * window + 8 * POSITIONS_AT_ONCE)
            + 10 * largest
            + 4 * window * 8 * max((max(shape[-2:]) for shape in shapes), default=0)
        )
        weights = _weight_bytes(base) + 2 * _weight_bytes(quant)
        return cls(working + weights, working, free_bytes())

    @property
    def is_held(self) -> bool:
        return self.held <= self.free

    @property
    def held_reason(self) -> str:
        return f"held they need about {format_bytes(self.held)}, {format_bytes(self.free)} are free"

    @property
    def refusal(self) -> str | None:
        """Why not even streaming is possible, or None."""
        if self.streamed <= self.free:
            return None
        return (
            f"comparing needs about {format_bytes(self.streamed)} of memory, "
            f"{format_bytes(self.free)} were free"
        )


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _weight_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("model*.safetensors"))
