"""The packed words, read back by mlx."""

from __future__ import annotations

import numpy as np
import pytest

from hubtool.quantize.rounding.packing import pack


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_mlx_reads_back_the_packed_integers(bits: int) -> None:
    import mlx.core as mx

    values = np.random.default_rng(bits).integers(0, 2**bits, (3, 192)).astype(np.uint8)
    words = mx.array(pack(values, bits))
    read = mx.dequantize(words, mx.ones((3, 3)), mx.zeros((3, 3)), 64, bits)
    assert np.array_equal(np.array(read), values)
