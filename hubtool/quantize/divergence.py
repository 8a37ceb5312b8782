"""KL divergence of quants from their base, on windows of tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hubtool.console import SILENT, Console
from hubtool.errors import CalibrationInvalid, MeasureFailed, StatsDisagree
from hubtool.quantize.distance import WindowScore
from hubtool.quantize.nats import ReferenceRows, as_numpy, normalised

if TYPE_CHECKING:
    import mlx.core as mx

    from hubtool.quantize.calibration import Tokenizer
    from hubtool.quantize.running import RunningModel

POSITIONS_AT_ONCE = 64  # of one window: what is compared is a few vocabularies wide


def text_windows(
    tokenizer: Tokenizer, text: str, *, tokens: int | None, window: int
) -> tuple[tuple[int, ...], ...]:
    """The first ``tokens`` tokens of ``text`` (None: all), cut into windows.

    Raises CalibrationInvalid for a text of less than two tokens.
    """
    ids = tokenizer.encode(text, add_special_tokens=False)[:tokens]
    windows = [tuple(ids[start : start + window]) for start in range(0, len(ids), window)]
    windows = [one for one in windows if len(one) > 1]  # a lone token predicts nothing to score
    if not windows:
        raise CalibrationInvalid("the text has less than two tokens", "give a longer text")
    return tuple(windows)


def compare_models(
    base: RunningModel,
    quants: Mapping[str, RunningModel],
    windows: Sequence[Sequence[int]],
    console: Console = SILENT,
) -> dict[str, tuple[WindowScore, ...]]:
    """Every quant against the base over the same windows; the base predicts each once.

    All compute in float32 from the weights as stored, so the scores say what
    the stored weights lost and nothing of one machine's kernels. Holds the
    logits of two models for one window. Raises StatsDisagree for a quant of
    another vocabulary, MeasureFailed if a prediction is not finite.
    """
    import mlx.core as mx

    scores: dict[str, list[WindowScore]] = {name: [] for name in quants}
    with console.task("comparing with the base", sum(map(len, windows)), "tokens") as task:
        for tokens in windows:
            reference = base.logits(tokens)
            mx.eval(reference)
            for name, quant in quants.items():
                other = quant.logits(tokens)
                mx.eval(other)
                scores[name].append(score_window(reference, other, tokens, name))
                del other
            task.advance(len(tokens))
    return {name: tuple(found) for name, found in scores.items()}


def score_window(
    reference: mx.array, other: mx.array, tokens: Sequence[int], name: str
) -> WindowScore:
    """One window by the logits of both models, shape (tokens, vocabulary); ``name`` for errors."""
    import numpy as np

    if reference.shape != other.shape:
        raise StatsDisagree(
            f"{name} predicts {other.shape[-1]} tokens, its base {reference.shape[-1]}",
            "compare a quant with the base it was made from",
        )
    divergences: list[float] = []
    agreed, losses = 0, [0.0, 0.0]
    for start in range(0, len(tokens), POSITIONS_AT_ONCE):
        both = [logits[start : start + POSITIONS_AT_ONCE] for logits in (reference, other)]
        following = np.array(tokens[start + 1 : start + 1 + POSITIONS_AT_ONCE], dtype=int)
        divergences += ReferenceRows(both[0]).kl(both[1]).astype(float).tolist()
        logs = [normalised(as_numpy(logits)) for logits in both]
        agreed += int((logs[0].argmax(axis=-1) == logs[1].argmax(axis=-1)).sum())
        for place, log in enumerate(logs):
            chosen = log[np.arange(len(following)), following]
            losses[place] -= float(chosen.sum(dtype=np.float64))
    if not all(map(math.isfinite, (*divergences, *losses))):
        raise MeasureFailed(
            f"{name}: the divergence from its base is not finite",
            "quantize again; if it stays, a tensor of the base is damaged",
        )
    return WindowScore(tuple(divergences), agreed, losses[0], losses[1], len(tokens) - 1)
