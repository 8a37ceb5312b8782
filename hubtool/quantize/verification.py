"""The record of a quant compared with its base: what a card may say of its fidelity."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hubtool.quantize.distance import Distance, Estimate
from hubtool.records import Record


@dataclasses.dataclass(frozen=True)
class TextUse:
    """The held-out text that was read."""

    sha256: str  # of the files that it is from
    domains: tuple[str, ...]  # kinds of text, each with the same share
    windows: int  # pieces, which the intervals take as independent
    tokens: int  # in all of them


@dataclasses.dataclass(frozen=True)
class BaseUse:
    """The base that the quant was compared with; repo and commit where they were known."""

    repo: str | None  # its id on the Hub
    revision: str | None  # its commit
    sha256: str  # of its weights: names, shapes, and bytes of up to 512 of them


@dataclasses.dataclass(frozen=True)
class UniformTwin:
    """The uniform quant of the same base that is nearest in size and not smaller.

    Rounded as mlx-lm's own converter does it, and compared over the same windows.
    """

    bits: int  # its width
    group_size: int  # weights that share one scale
    stored_bpw: float  # of the language model
    distance: Distance  # from the base
    kl_ratio: Estimate  # its mean KL over that of the quant


@dataclasses.dataclass(frozen=True)
class Verification(Record):
    """A quant compared with its base on held-out text, in float32 from the weights as stored.

    ``distance`` is None where nothing could be compared; ``skipped`` says why.
    """

    schema: ClassVar[int] = 1
    distance: Distance | None  # from the base
    stored_bpw: float  # of the language model
    uniform: UniformTwin | None  # a uniform quant of its size
    base_perplexity: float | None  # the base's own, on the text
    text: TextUse | None  # what was read
    skipped: str | None = None  # why nothing was compared
    base: BaseUse | None = None  # what it was compared with, in files since that is told
