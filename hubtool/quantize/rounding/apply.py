"""Rounding a model as an allocation says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.console import SILENT, Console
from hubtool.errors import CalibrationInvalid
from hubtool.quantize.blas import needs_column_major
from hubtool.quantize.components import all_components
from hubtool.quantize.loading import load_as_declared, load_tokenizer
from hubtool.quantize.rounding.interface import (
    DIAGONAL_TOKENS,
    FULL_MOMENTS,
    Packed,
    RoundingName,
    rounding_of,
)
from hubtool.quantize.rounding.streaming import RoundingPass, Sink
from hubtool.quantize.shelf import checkpoint_shelf

if TYPE_CHECKING:
    from hubtool.quantize.allocation import Allocation
    from hubtool.quantize.calibration import CalibrationMix

WINDOW = 512  # tokens in each row of the batch, at most


@dataclasses.dataclass(frozen=True)
class RoundingOptions:
    """How to round. Moments are taken over about ``tokens`` tokens of ``mix`` (None: our own).

    ``search`` reads no more than ``DIAGONAL_TOKENS`` of them.
    """

    name: RoundingName
    mix: CalibrationMix | None = None
    tokens: int = 3072


NEAREST = RoundingOptions("nearest")


def round_components(
    folder: Path,
    allocation: Allocation,
    want: RoundingOptions,
    sink: Sink,
    console: Console = SILENT,
    *,
    trust_remote_code: bool = False,
) -> None:
    """Hand each component that ``allocation`` quantizes to ``sink``, rounded as wanted.

    With ``nearest`` none is: that is what mlx does by itself. Raises
    CalibrationInvalid for a mix of less than two tokens.
    """
    if want.name == "nearest":
        return
    model = load_as_declared(folder, trust_remote_code=trust_remote_code)
    choices = {one.name: one.choice for one in allocation.components if one.choice.is_quantized}
    rounding = rounding_of(want.name)
    source = checkpoint_shelf(folder, trust_remote_code=trust_remote_code)
    with console.task(f"rounding ({want.name})", len(choices), "components") as task:

        def done(name: str, packed: Packed) -> None:
            sink(name, packed)
            task.advance(1, name)

        running = RoundingPass(
            model,
            all_components(model),
            source,
            choices,
            rounding,
            done,
            full_moments=want.name in FULL_MOMENTS,
            column_major=needs_column_major(),
        )
        windows = even_windows(_tokens(folder, want, trust_remote_code=trust_remote_code))
        for name in running.run(windows):  # embeddings, and what no token came by
            done(name, rounding(source.take(name).array, choices[name], None))


def even_windows(tokens: Sequence[int]) -> list[Sequence[int]]:
    """``tokens`` cut into rows of one length, so that they make a batch; a rest is left out."""
    length = min(WINDOW, len(tokens))
    return [tokens[start : start + length] for start in range(0, len(tokens) - length + 1, length)]


def _tokens(folder: Path, want: RoundingOptions, *, trust_remote_code: bool) -> list[int]:
    """The mix's windows one after another."""
    from hubtool.quantize.calibration import load_mix

    tokenizer = load_tokenizer(folder, trust_remote_code=trust_remote_code)
    most = want.tokens if want.name in FULL_MOMENTS else min(want.tokens, DIAGONAL_TOKENS)
    windows = (want.mix or load_mix()).token_windows(tokenizer, most, longest=WINDOW)
    tokens = [token for window in windows for token in window.tokens]
    if len(tokens) < 2:
        raise CalibrationInvalid("the calibration mix has no text", "add some samples")
    return tokens
