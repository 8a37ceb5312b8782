"""KL divergence of quants from their base, on windows of tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hubtool.console import SILENT, Console
from hubtool.errors import CalibrationInvalid, MeasureFailed, StatsDisagree
from hubtool.quantize.batches import Batch, Group, grouped
from hubtool.quantize.distance import WindowScore
from hubtool.quantize.nats import ROWS, ReferenceRows, as_numpy, normalised

if TYPE_CHECKING:
    from hubtool.quantize.calibration import Tokenizer
    from hubtool.quantize.nats import Floats
    from hubtool.quantize.running import RunningModel

BATCH_TOKENS = 512  # computed together: enough that expanding the weights costs a fifth


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


def batches_of(windows: Sequence[Sequence[int]], batch_tokens: int) -> Group:
    """``windows``, the longest first, in batches of about ``batch_tokens`` tokens."""
    (batches,) = grouped([tuple(one) for one in windows], sum(map(len, windows)), batch_tokens)
    return batches


def compare_models(
    base: RunningModel,
    quants: Mapping[str, RunningModel],
    windows: Sequence[Sequence[int]],
    console: Console = SILENT,
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> dict[str, tuple[WindowScore, ...]]:
    """Every quant against the base over the same windows; the base predicts each once.

    All compute in float32 from the weights as stored, so the scores say what
    the stored weights lost and nothing of one machine's kernels. Holds the
    logits of two models for one batch. Scores are in the order of ``windows``.
    Raises StatsDisagree for a quant of another vocabulary, MeasureFailed if a
    prediction is not finite.
    """
    scores: dict[str, list[WindowScore]] = {name: [] for name in quants}
    with console.task("comparing with the base", sum(map(len, windows)), "tokens") as task:
        for batch in batches_of(windows, batch_tokens):
            reference = ReferenceRows(_logits(base, batch))
            for name, quant in quants.items():
                scores[name] += score_batch(reference, _logits(quant, batch), batch, name)
            task.advance(batch.positions)
    order = sorted(range(len(windows)), key=lambda place: -len(windows[place]))  # as in batches
    return {
        name: tuple(score for _, score in sorted(zip(order, found, strict=True)))
        for name, found in scores.items()
    }


def _logits(model: RunningModel, batch: Batch) -> Floats:
    """Rows of one window behind those of another, padding included: (rows, vocabulary)."""
    import mlx.core as mx

    logits = model.forward(batch.ids())
    mx.eval(logits)
    return as_numpy(logits).reshape(-1, logits.shape[-1])


def score_batch(
    reference: ReferenceRows, other: Floats, batch: Batch, name: str
) -> list[WindowScore]:
    """A quant's logits, shape (rows, vocabulary), against the base's; ``name`` for errors."""
    if reference.log_p.shape != other.shape:
        raise StatsDisagree(
            f"{name} predicts {other.shape[-1]} tokens, its base {reference.log_p.shape[-1]}",
            "compare a quant with the base it was made from",
        )
    return [
        _score_window(reference, other, window, first, name)
        for window, first in zip(batch.windows, batch.starts(), strict=True)
    ]


def _score_window(
    reference: ReferenceRows, other: Floats, tokens: Sequence[int], first: int, name: str
) -> WindowScore:
    """One window, whose rows begin at ``first``."""
    last = first + len(tokens)
    divergences = reference.kl(other[first:last], first).astype(float)
    agreed, losses = 0, [0.0, 0.0]
    for start in range(first, last, ROWS):
        stop = min(last, start + ROWS)
        following = tokens[start + 1 - first : stop + 1 - first]
        logs = reference.log_p[start:stop], normalised(other[start:stop])
        agreed += int((logs[0].argmax(axis=-1) == logs[1].argmax(axis=-1)).sum())
        for place, log in enumerate(logs):
            chosen = log[range(len(following)), following]
            losses[place] -= float(chosen.sum(dtype=float))
    if not all(map(math.isfinite, (*divergences, *losses))):
        raise MeasureFailed(
            f"{name}: the divergence from its base is not finite",
            "quantize again; if it stays, a tensor of the base is damaged",
        )
    return WindowScore(tuple(divergences.tolist()), agreed, losses[0], losses[1], len(tokens) - 1)
