"""How much each component suffers from each bit width."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

from hubtool.records import Record

Reference = Literal["bf16", "uniform4"]
Method = Literal["fisher", "exact"]


@dataclasses.dataclass(frozen=True)
class ComponentSensitivity:
    """One quantizable module, by its path in the mlx-lm model (``model.layers.0.mlp.up_proj``).

    ``kl`` maps a width in bits (as a string, JSON's only key type) to the KL
    divergence from the reference, in nats a token, that this width adds.
    """

    name: str
    parameters: int
    kl: dict[str, float]


@dataclasses.dataclass(frozen=True)
class CalibrationUse:
    """What was measured on: the mix's sha256, its domains in order, samples and tokens read."""

    sha256: str
    domains: tuple[str, ...]
    samples: int
    tokens: int


@dataclasses.dataclass(frozen=True)
class Sensitivity(Record):
    """The result of measuring: a KL per component and candidate width.

    ``reference_reason`` says why the reference is what it is ("bf16 needs 15.9
    GB, 11.2 GB are free"). ``dtype`` is the arithmetic of the pass.
    """

    schema: ClassVar[int] = 1
    components: tuple[ComponentSensitivity, ...]
    candidate_bits: tuple[int, ...]
    group_size: int
    method: Method
    reference: Reference
    reference_reason: str
    calibration: CalibrationUse
    dtype: str
