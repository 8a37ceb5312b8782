"""Verify: a quant's true distance from its base on held-out text, and a uniform quant's.

Sensitivities predict what rounding costs, one component at a time. This is
what it did cost, all together, on text that no decision was made by.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.artifact.identity import weights_sha256
from hubtool.artifact.stats import QuantStats, stats_of_folder
from hubtool.console import SILENT, Console
from hubtool.errors import PathNotFound, PathUnusable
from hubtool.quantize.blas import describe_blas, prefer_fast_blas
from hubtool.quantize.distance import WindowScore, base_perplexity, distance_of, kl_ratio
from hubtool.quantize.divergence import compare_models
from hubtool.quantize.heldout import load_heldout
from hubtool.quantize.kinship import require_kin, require_made_of
from hubtool.quantize.loading import load_tokenizer
from hubtool.quantize.optiq_files import read_making
from hubtool.quantize.predictor import Opening
from hubtool.quantize.room import room_for
from hubtool.quantize.uniform import Uniform, nearest_uniform
from hubtool.quantize.verification import BaseUse, TextUse, UniformTwin, Verification

if TYPE_CHECKING:
    from hubtool.quantize.running import RunningModel

DEFAULT_TOKENS = 3072
LONGEST = 256  # tokens of a window
_OURS, _UNIFORM = "the quant", "the uniform quant"


def verify_quant(
    base_folder: Path,
    quant_folder: Path,
    *,
    tokens: int = DEFAULT_TOKENS,
    console: Console = SILENT,
    trust_remote_code: bool = False,
    origin: tuple[str, str] | None = None,
) -> Verification:
    """Compare a quant, and the uniform quant of its size, with their base on held-out text.

    ``tokens`` are shared evenly by the domains of the held-out set. ``origin`` is the
    base's repo and commit, if they are known. Models that
    do not fit into free memory are streamed from disk, in batches of another size:
    the result is the same but for the rounding of float32.
    Raises what loading raises, PathNotFound for a folder that is none of a
    model, PathUnusable for a base that is quantized and a quant that is not,
    StatsDisagree for one of another base's shape or weights, CalibrationInvalid
    for too few tokens, MeasureFailed if a prediction is not finite.
    """
    stored_bpw = _stats_of_a_quant(base_folder, quant_folder).language_stored_bpw
    base_sha256 = weights_sha256(base_folder)
    making = read_making(quant_folder)
    require_made_of(base_folder, base_sha256, quant_folder, making)
    require_kin(
        base_folder,
        quant_folder,
        ours=making is not None,
        console=console,
        trust_remote_code=trust_remote_code,
    )
    console.note(f"  {describe_blas(prefer_fast_blas())}")
    text = load_heldout()
    tokenizer = load_tokenizer(base_folder, trust_remote_code=trust_remote_code)
    windows = [one.tokens for one in text.token_windows(tokenizer, tokens, longest=LONGEST)]
    room = room_for(
        base_folder, quant_folder, windows, quants=2, trust_remote_code=trust_remote_code
    )
    if (reason := room.refusal) is not None:
        return Verification(None, stored_bpw, None, None, None, skipped=reason)
    opening = Opening(room.streamed, trust_remote_code)
    if room.streamed:
        console.note(f"  weights are read from disk for each batch of text: {room.held_reason}")
    uniform = nearest_uniform(opening.cast(base_folder), stored_bpw)
    quants: dict[str, RunningModel] = {_OURS: opening.quant(base_folder, quant_folder)}
    if uniform is not None:
        quants[_UNIFORM] = opening.rounded(base_folder, uniform.choices)
    base = opening.base(base_folder)
    scores = compare_models(base, quants, windows, console, batch_tokens=room.batch_tokens)
    repo, revision = origin or (None, None)
    return Verification(
        distance=distance_of(scores[_OURS]),
        stored_bpw=stored_bpw,
        uniform=_twin(uniform, scores) if uniform else None,
        base_perplexity=base_perplexity(scores[_OURS]),
        text=TextUse(text.sha256, text.domains, len(windows), sum(map(len, windows))),
        base=BaseUse(repo, revision, base_sha256),
    )


def _stats_of_a_quant(base_folder: Path, quant_folder: Path) -> QuantStats:
    """What the quant's bytes say; it must be one, and its base must not."""
    for folder in (base_folder, quant_folder):
        if not (folder / "config.json").is_file():
            raise PathNotFound(f"{folder} holds no config.json", "name a model's folder")
    if stats_of_folder(base_folder).components:
        raise PathUnusable(
            f"{base_folder} is quantized: a distance from it says nothing of the base",
            "name the folder of the base that the quant was made from",
        )
    found = stats_of_folder(quant_folder)
    if not found.components:
        raise PathUnusable(f"{quant_folder} is not quantized", "name a quant's folder")
    return found


def _twin(uniform: Uniform, scores: dict[str, tuple[WindowScore, ...]]) -> UniformTwin:
    return UniformTwin(
        uniform.choice.bits,
        uniform.choice.group_size,
        uniform.stored_bpw,
        distance_of(scores[_UNIFORM]),
        kl_ratio(scores[_UNIFORM], scores[_OURS]),
    )
