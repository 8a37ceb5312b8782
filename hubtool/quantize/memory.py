"""What a model needs in memory besides its weights when it generates with mlx-lm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.artifact.layout import read_json_object
from hubtool.quantize.budget import Budget, BudgetWish, MemorySum, wired_bytes
from hubtool.quantize.components import all_components
from hubtool.quantize.loading import cast_as_declared, load_lazily
from hubtool.quantize.roles import role_of

if TYPE_CHECKING:
    import mlx.nn as nn

CHUNK_TOKENS = 2048  # mlx-lm reads a prompt in chunks of this many
MARGIN = 2
BUFFERS_BYTES = 256 << 20  # mlx's buffer cache and Metal's own


def settle(wish: BudgetWish, folder: Path, *, trust_remote_code: bool = False) -> Budget:
    """The budget for the base in ``folder``: only a fit has to look at the model."""
    if wish.kind != "fit":
        return Budget(wish.kind, wish.amount)
    ram_bytes = int(wish.amount)
    memory = memory_sum(folder, ram_bytes, wish.context, trust_remote_code=trust_remote_code)
    return Budget(wish.kind, wish.amount, memory)


def memory_sum(
    folder: Path, ram_bytes: int, context: int, *, trust_remote_code: bool = False
) -> MemorySum:
    """The sum for the base in ``folder`` on a Mac of ``ram_bytes``; no weight is read."""
    model = load_lazily(folder, trust_remote_code=trust_remote_code)
    config = read_json_object(folder / "config.json")
    cast_as_declared(model, config)  # caches take their type from the weights
    return MemorySum(
        ram_bytes=ram_bytes,
        wired_bytes=wired_bytes(ram_bytes),
        context=context,
        made_for=_made_for(config),
        cache_bytes=cache_bytes(model, context),
        overhead_bytes=activation_bytes(model, config, min(context, CHUNK_TOKENS)) + BUFFERS_BYTES,
    )


def cache_bytes(model: nn.Module, context: int) -> int:
    """The most that mlx-lm's prompt cache takes on the way to ``context`` tokens.

    The model's own cache is filled as generation fills it, with arrays that are
    never computed: their shapes say what sliding windows, grouped heads, latent
    attention and recurrent states take. Beyond the widest sliding window every
    chunk adds the same, and is no longer filled.
    """
    from mlx_lm.models.cache import make_prompt_cache

    cache = make_prompt_cache(model)
    whole, rest = divmod(context, CHUNK_TOKENS)
    filled = min(whole, 3 + _widest_window(cache) // CHUNK_TOKENS)
    sizes = [_fill(model, cache, CHUNK_TOKENS) for _ in range(filled)]
    # windows are full now, or the end is reached: every further chunk adds as much as the last
    skipped = (whole - filled) * (sizes[-1] - sizes[-2]) if whole > filled else 0
    end = _fill(model, cache, rest) if rest else 0
    return max([0, *sizes, (sizes[-1] if sizes else 0) + skipped, end + skipped])


def _fill(model: nn.Module, cache: Sequence[Any], tokens: int) -> int:
    """Bytes of ``cache`` after ``tokens`` more."""
    import mlx.core as mx

    model(mx.zeros((1, tokens), mx.int32), cache=cache)
    return sum(int(layer.nbytes) for layer in cache)


def _widest_window(cache: Iterable[Any]) -> int:
    """Tokens that the widest of the layers holds that hold a bounded number; 0 without any."""
    widest = 0
    for layer in cache:
        bound = getattr(layer, "max_size", None) or getattr(layer, "chunk_size", None) or 0
        widest = max(widest, bound, _widest_window(getattr(layer, "caches", ())))
    return widest


def _made_for(config: Mapping[str, Any]) -> int | None:
    """Tokens of context that the model was made for, as its config says."""
    text = config.get("text_config") or config
    found = text.get("max_position_embeddings")
    return found if isinstance(found, int) and found > 0 else None


def activation_bytes(model: nn.Module, config: Mapping[str, Any], tokens: int) -> int:
    """Activations for a chunk of a prompt: twice what the widest place of a layer holds.

    That is the residual stream twice and three outputs of the widest projection:
    a gated MLP holds gate, up and their product, once for each active expert.
    The factor is what mlx's peak was above that on a CPU, see
    docs/explanation/budgets.md.
    """
    text = config.get("text_config") or config
    active = text.get("num_experts_per_tok") or 1
    stream = widest = width = 1
    for one in all_components(model):
        weight = one.module.weight
        width = max(width, weight.dtype.size)
        if role_of(one.name) == "embedding":
            stream = max(stream, weight.shape[-1])
        elif role_of(one.name) != "head":  # a prompt's chunk needs no logits but the last
            widest = max(widest, weight.shape[-2] * (active if weight.ndim > 2 else 1))
    return MARGIN * tokens * width * (2 * stream + 3 * widest)
