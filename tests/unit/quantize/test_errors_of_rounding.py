"""Rounding errors for many choices, against what mlx stores."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from hubtool.quantize.choice import choices_of
from hubtool.quantize.errors_of_rounding import rounding_errors
from hubtool.quantize.weights import PackedWeight


@pytest.mark.parametrize("kind", [mx.bfloat16, mx.float16, mx.float32])
def test_errors_equal_those_of_mlx_to_the_last_bit(kind: mx.Dtype) -> None:
    weight = 0.05 * mx.random.normal((48, 128), key=mx.random.key(0))
    weight[3] = 0.0
    weight[4, :64] = 0.5
    weight[5] = mx.abs(weight[5])
    weight = weight.astype(kind)
    choices = choices_of((2, 3, 4, 5, 6, 8), (32, 64, 128))
    for choice, found in zip(choices, rounding_errors(weight, choices), strict=True):
        packed = PackedWeight.of(weight, choice.group_size, choice.bits)
        assert np.array_equal(found, np.asarray(packed.full() - weight.astype(mx.float32)))
