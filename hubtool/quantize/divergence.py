"""KL divergence of quants from their base, on windows of tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hubtool.console import SILENT, Console
from hubtool.errors import CalibrationInvalid, MeasureFailed, StatsDisagree
from hubtool.quantize.distance import WindowScore

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
    import mlx.core as mx

    if reference.shape != other.shape:
        raise StatsDisagree(
            f"{name} predicts {other.shape[-1]} tokens, its base {reference.shape[-1]}",
            "compare a quant with the base it was made from",
        )
    divergences: list[float] = []
    agreed, losses = 0, [0.0, 0.0]
    for start in range(0, len(tokens), POSITIONS_AT_ONCE):
        both = [logits[start : start + POSITIONS_AT_ONCE] for logits in (reference, other)]
        following = tokens[start + 1 : start + 1 + POSITIONS_AT_ONCE]
        kl = position_kl(*both)
        same = (both[0].argmax(axis=-1) == both[1].argmax(axis=-1)).sum()
        parts = [_loss(logits, following) for logits in both] if following else []
        mx.eval(kl, same, parts)
        divergences += [float(value) for value in kl.tolist()]  # type: ignore[union-attr, arg-type]
        agreed += int(same.item())  # type: ignore[arg-type]
        for place, loss in enumerate(parts):
            losses[place] += float(loss.item())  # type: ignore[arg-type]
    if not all(map(math.isfinite, (*divergences, *losses))):
        raise MeasureFailed(
            f"{name}: the divergence from its base is not finite",
            "quantize again; if it stays, a tensor of the base is damaged",
        )
    return WindowScore(tuple(divergences), agreed, losses[0], losses[1], len(tokens) - 1)


def position_kl(reference: mx.array, other: mx.array) -> mx.array:
    """KL(reference || other) a position in nats, from logits of shape (positions, vocabulary).

    Summed as q - p + p d, d = log p - log q: equal to p d since p and q sum to
    one, but no term is negative. Near d = 0 it is p (e^-d - 1 + d), which keeps
    the digits of small divergences.
    """
    import mlx.core as mx

    log_p = reference - mx.logsumexp(reference, axis=-1, keepdims=True)
    log_q = other - mx.logsumexp(other, axis=-1, keepdims=True)
    p, q, d = mx.exp(log_p), mx.exp(log_q), log_p - log_q
    terms = mx.where(mx.abs(d) < 0.5, p * (mx.expm1(-d) + d), q - p + p * d)
    return terms.sum(axis=-1)


def _loss(logits: mx.array, following: Sequence[int]) -> mx.array:
    """Summed negative log-likelihood in nats of the tokens that follow the first positions."""
    import mlx.core as mx

    before = logits[: len(following)]
    chosen = mx.take_along_axis(before, mx.array(list(following))[:, None], axis=-1)[:, 0]
    return (mx.logsumexp(before, axis=-1) - chosen).sum()
