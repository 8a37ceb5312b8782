"""Unpacking on the CPU, against mlx's own kernel."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from hubtool.quantize import unpacking
from hubtool.quantize.choice import GROUP_SIZES, WIDTHS
from hubtool.quantize.weights import PackedWeight, PlainWeight


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("group_size", GROUP_SIZES)
@pytest.mark.parametrize("shape", [(70, 256), (3, 5, 128)])
def test_it_is_the_kernels_result_to_the_last_bit(
    bits: int, group_size: int, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "AT_ONCE", 1000)  # several parts, the last one smaller
    weight = mx.random.normal(shape, key=mx.random.key(bits)).astype(mx.bfloat16)
    packed = PackedWeight.of(weight, group_size, bits)
    found = packed.expanded()
    assert found.dtype == mx.float32
    assert np.array_equal(np.asarray(found), np.asarray(packed.full()))


def test_a_mode_without_biases_is_left_to_mlx() -> None:
    weight = mx.random.normal((8, 64), key=mx.random.key(0)).astype(mx.bfloat16)
    values, scales = mx.quantize(weight, group_size=32, bits=4, mode="mxfp4")
    packed = PackedWeight(values, scales, None, 32, 4, "mxfp4")
    assert np.array_equal(np.asarray(packed.expanded()), np.asarray(packed.full()))


@pytest.mark.parametrize("bits", [None, 5])
def test_rows_cut_out_are_those_of_the_whole(bits: int | None) -> None:
    weight = mx.random.normal((9, 64), key=mx.random.key(1)).astype(mx.bfloat16)
    stored = PlainWeight(weight) if bits is None else PackedWeight.of(weight, 32, bits)
    whole, part = stored.expanded(), stored.cut(2, 7).expanded()
    assert np.array_equal(np.asarray(part), np.asarray(whole)[2:7])
