"""KL divergence of a quant from its base, on a text."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hubtool.console import SILENT, Console
from hubtool.errors import CalibrationInvalid, MeasureFailed, StatsDisagree
from hubtool.quantize.blas import needs_column_major, prefer_fast_blas
from hubtool.quantize.components import Component
from hubtool.quantize.loading import load_lazily, load_tokenizer
from hubtool.quantize.running import RunningModel
from hubtool.quantize.weights import PackedWeight, PlainWeight, StoredWeight
from hubtool.records import Record

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn


@dataclasses.dataclass(frozen=True)
class KlResult(Record):
    """How far a quant's predictions are from its base's, over ``positions`` next-token positions.

    ``mean_nats`` and ``p99_nats`` are KL(base || quant) a position;
    ``standard_error_nats`` is that of the mean, positions taken as independent.
    ``top1_agreement`` is the share (0 to 1) of positions with the same most
    likely token. Perplexities are on the text itself.
    """

    schema: ClassVar[int] = 1
    mean_nats: float
    standard_error_nats: float
    p99_nats: float
    top1_agreement: float
    positions: int
    base_perplexity: float
    quant_perplexity: float


def mean_kl(
    base_folder: Path,
    quant_folder: Path,
    text: str,
    *,
    tokens: int = 2048,
    window: int = 256,
    console: Console = SILENT,
    trust_remote_code: bool = False,
) -> KlResult:
    """KL(base || quant) on the first ``tokens`` tokens of ``text``, in windows of ``window``.

    Both compute in float32 from the weights as stored, so the result says what
    the stored weights lost and nothing of one machine's kernels. The quant may
    be of any kind that mlx-lm loads. Holds both models' weights and one
    window's logits. Raises StatsDisagree if the two are not of one
    architecture, CalibrationInvalid for a text that is too short, MeasureFailed
    if a prediction is not finite.
    """
    prefer_fast_blas()
    base = load_lazily(base_folder, trust_remote_code=trust_remote_code)
    quant = load_lazily(quant_folder, trust_remote_code=trust_remote_code)
    skeleton = load_lazily(base_folder, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(base_folder, trust_remote_code=trust_remote_code)
    ids = tokenizer.encode(text)[:tokens]
    windows = [ids[start : start + window] for start in range(0, len(ids), window)]
    windows = [one for one in windows if len(one) > 1]  # a lone token predicts nothing to score
    if not windows:
        raise CalibrationInvalid("the text has less than two tokens", "give a longer text")
    first, second = _running_base(base), _running_quant(skeleton, quant, quant_folder)
    tally = _Tally()
    with console.task("comparing with the base", sum(map(len, windows)), "tokens") as task:
        for one in windows:
            tally.add(first.logits(one), second.logits(one), one, quant_folder)
            task.advance(len(one))
    return tally.result()


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


class _Tally:
    """Sums over windows."""

    def __init__(self) -> None:
        self._kl: list[float] = []
        self._agreed = 0
        self._losses = [0.0, 0.0]
        self._scored = 0

    def add(
        self, base: mx.array, quant: mx.array, tokens: Sequence[int], quant_folder: Path
    ) -> None:
        import mlx.core as mx

        if base.shape != quant.shape:
            raise StatsDisagree(
                f"{quant_folder} predicts {quant.shape[-1]} tokens, its base {base.shape[-1]}",
                "compare a quant with the base it was made from",
            )
        kl = position_kl(base, quant)
        agreed = (base.argmax(axis=-1) == quant.argmax(axis=-1)).sum()
        following = mx.array(list(tokens[1:]))[:, None]
        losses = [_loss(logits, following) for logits in (base, quant)]
        mx.eval(kl, agreed, losses)
        values = [float(value) for value in kl.tolist()]  # type: ignore[union-attr, arg-type]
        if not all(map(math.isfinite, values)):
            raise MeasureFailed(
                f"{quant_folder}: the divergence from its base is not finite",
                "quantize again; if it stays, a tensor of the base is damaged",
            )
        self._kl += values
        self._agreed += int(agreed.item())  # type: ignore[arg-type]
        self._scored += len(tokens) - 1
        for index, loss in enumerate(losses):
            self._losses[index] += float(loss.item())  # type: ignore[arg-type]

    def result(self) -> KlResult:
        count = len(self._kl)
        mean = math.fsum(self._kl) / count
        spread = math.fsum((value - mean) ** 2 for value in self._kl) / max(1, count - 1)
        return KlResult(
            mean_nats=mean,
            standard_error_nats=math.sqrt(spread / count),
            p99_nats=sorted(self._kl)[math.ceil(0.99 * count) - 1],
            top1_agreement=self._agreed / count,
            positions=count,
            base_perplexity=math.exp(self._losses[0] / self._scored),
            quant_perplexity=math.exp(self._losses[1] / self._scored),
        )


def _loss(logits: mx.array, following: mx.array) -> mx.array:
    """Summed negative log-likelihood of the tokens that follow, in nats."""
    import mlx.core as mx

    before = logits[:-1]
    chosen = mx.take_along_axis(before, following, axis=-1)[:, 0]
    return (mx.logsumexp(before, axis=-1) - chosen).sum()


def _modules(model: nn.Module) -> dict[str, Any]:
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    return dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))


def _weighted(model: nn.Module) -> list[Component]:
    """Every module of a quantizable kind, whatever its shape."""
    return [
        Component(name, module, int(module.weight.size))
        for name, module in _modules(model).items()
        if hasattr(module, "to_quantized")
    ]


def _running_base(base: nn.Module) -> RunningModel:
    components = _weighted(base)
    weights = {one.name: PlainWeight(one.module.weight) for one in components}
    return RunningModel(base, components, weights, column_major=needs_column_major())


def _running_quant(skeleton: nn.Module, quant: nn.Module, quant_folder: Path) -> RunningModel:
    """``quant`` computed through the float modules of ``skeleton``, a copy of its base.

    The quantized modules' own kernels run at 2 GFLOP/s on a CPU; expanding the
    weights and multiplying is exact to float32 and as fast as the BLAS.
    """
    from mlx.utils import tree_flatten, tree_unflatten

    components = _weighted(skeleton)
    found = _modules(quant)
    weights = {one.name: _stored(found.get(one.name), one.name, quant_folder) for one in components}
    parameters = [
        (path, array)
        for path, array in tree_flatten(quant.parameters())
        if path.rpartition(".")[0] not in weights or path.endswith(".bias")
    ]
    skeleton.update(tree_unflatten(parameters))
    for one in components:
        one.module.weight = weights[one.name].full()  # unevaluated: the base's copy is let go
    return RunningModel(skeleton, components, weights, column_major=needs_column_major())


def _stored(module: Any, name: str, quant_folder: Path) -> StoredWeight:
    if module is None:
        raise StatsDisagree(
            f"{quant_folder} has no module {name}, its base has",
            "compare a quant with the base it was made from",
        )
    if "scales" not in module:
        return PlainWeight(module.weight)
    return PackedWeight(
        module.weight,
        module.scales,
        module.get("biases"),
        module.group_size,
        module.bits,
        module.mode,
    )
