"""The quant loads in stock mlx-lm, writes text, and is near its base."""

from __future__ import annotations

from collections.abc import Iterator

from hubtool.artifact.layout import read_json_object
from hubtool.base.architecture import is_known
from hubtool.checks.interface import NO_WEIGHTS_HERE, CheckSubject, Finding, verdict
from hubtool.console import format_bytes

FINDS = {
    "loads/generates": "stock mlx-lm loads it and writes text, with finite logits",
    "loads/near-base": "its predictions are near those of the base (with --base-folder)",
}
NEW_TOKENS = 8
KL_TOKENS = 64
# Nats a token. Uniform 4-bit quants of small models reach 0.4, 2-bit ones 2 to 3; a model whose
# tensors were mixed up lies near the entropy of its vocabulary, 7 to 12. More than this is broken.
KL_BOUND = 4.0
PROMPT = "The ships passed before dawn, and"
TEXT = (
    "Every spring the river rises over the lower meadow, and the farmers move their sheep to the "
    "hill behind the chapel. It is an old habit. The oldest map in the town hall shows the same "
    "path, drawn in brown ink, with a note in the margin that the gate must be closed at night. "
    "Nobody remembers who wrote it, but the gate is still closed, and the sheep are still there."
)


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``loads/*``: what a user does first, done before anything is published."""
    from hubtool.quantize.blas import prefer_fast_blas

    if subject.origin is not None:
        yield Finding("loads/generates", "skip", NO_WEIGHTS_HERE)
        yield Finding("loads/near-base", "skip", NO_WEIGHTS_HERE)
        return
    model_type = read_json_object(subject.folder / "config.json").get("model_type")
    if not (subject.trust_remote_code or is_known(str(model_type))):
        reason = f"mlx-lm has no model type {model_type!r}"
        yield Finding("loads/generates", "skip", reason)
        yield Finding("loads/near-base", "skip", reason)
        return
    prefer_fast_blas()
    generates = _too_large(subject) or _generates(subject)
    yield generates
    if generates.result == "fail":
        yield Finding("loads/near-base", "skip", "there is nothing to compare until it runs")
    else:
        yield _near_base(subject)


def _too_large(subject: CheckSubject) -> Finding | None:
    """Stock mlx-lm holds all weights: a machine that cannot is no reason to fail the quant."""
    from hubtool.quantize.loading import weight_bytes
    from hubtool.quantize.reference import free_bytes

    need, free = 2 * weight_bytes(subject.folder), free_bytes()
    if need <= free:
        return None
    reason = (
        f"mlx-lm would need about {format_bytes(need)} of memory, {format_bytes(free)} are free"
    )
    return Finding("loads/generates", "skip", reason)


def _generates(subject: CheckSubject) -> Finding:
    try:
        text, finite = _first_words(subject)
    except (ValueError, TypeError, KeyError, RuntimeError, OSError) as error:
        return Finding(
            "loads/generates",
            "fail",
            f"mlx-lm does not load and run it: {type(error).__name__}: {error}",
            "convert the model again with the mlx-lm of constraints.txt",
        )
    return verdict(
        "loads/generates",
        None if finite else "its logits hold NaN or infinity",
        f"mlx-lm loads it and writes {text.strip()[:60]!r}",
        "convert the model again; if it stays, the base is damaged",
    )


def _first_words(subject: CheckSubject) -> tuple[str, bool]:
    """What the model writes after the prompt, and whether all its logits were finite."""
    import mlx.core as mx
    from mlx_lm import load
    from mlx_lm.generate import generate_step

    model, tokenizer, *_ = load(
        str(subject.folder),
        tokenizer_config={"trust_remote_code": subject.trust_remote_code},
        trust_remote_code=subject.trust_remote_code,
    )
    model.set_dtype(mx.float32)  # mlx's CPU kernels take eight times as long in bfloat16
    prompt = mx.array(tokenizer.encode(PROMPT))
    steps = list(generate_step(prompt, model, max_tokens=NEW_TOKENS))
    finite = all(bool(mx.isfinite(logprobs).all().item()) for _, logprobs in steps)
    return tokenizer.decode([int(token) for token, _ in steps]), finite


def _near_base(subject: CheckSubject) -> Finding:
    from hubtool.quantize.distance import mean_kl
    from hubtool.quantize.divergence import compare_models, text_windows
    from hubtool.quantize.loading import load_tokenizer
    from hubtool.quantize.predictor import Opening
    from hubtool.quantize.room import room_for

    if subject.base_folder is None:
        return Finding("loads/near-base", "skip", "the base's weights are not here")
    trust = subject.trust_remote_code
    tokenizer = load_tokenizer(subject.base_folder, trust_remote_code=trust)
    windows = text_windows(tokenizer, TEXT, tokens=KL_TOKENS, window=KL_TOKENS)
    room = room_for(subject.base_folder, subject.folder, windows, quants=1, trust_remote_code=trust)
    if room.refusal is not None:
        return Finding("loads/near-base", "skip", room.refusal)
    opening = Opening(streamed=room.streamed, trust_remote_code=trust)
    name = str(subject.folder)
    scores = compare_models(
        opening.base(subject.base_folder),
        {name: opening.quant(subject.base_folder, subject.folder)},
        windows,
        batch_tokens=room.batch_tokens,
    )
    kl = mean_kl(scores[name])
    return verdict(
        "loads/near-base",
        f"KL to the base is {kl:.3f} nats a token, above {KL_BOUND:g}" if kl > KL_BOUND else None,
        f"KL to the base is {kl:.3f} nats a token on {KL_TOKENS} tokens (bound {KL_BOUND:g})",
        "the quant is broken: convert it again, and compare the base's files with the Hub's",
    )
