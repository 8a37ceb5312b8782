"""Products in parts, against the product with the whole weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from hubtool.quantize import products
from hubtool.quantize.products import multiply_at_once, multiply_in_parts
from hubtool.quantize.shelf import Shelf, Shelved
from hubtool.quantize.weights import PackedWeight


@pytest.fixture
def packed() -> PackedWeight:
    weight = mx.random.normal((50, 64), key=mx.random.key(0)).astype(mx.bfloat16)
    return PackedWeight.of(weight, 32, 4)


@pytest.mark.parametrize("multiply", [multiply_at_once, multiply_in_parts])
def test_a_product_reads_its_weight_once_whatever_the_number_of_parts(
    packed: PackedWeight, multiply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("PART_ELEMENTS", "AT_ONCE_ELEMENTS"):
        monkeypatch.setattr(products, limit, 64 * 7)  # eight parts, the last one smaller
    reads = []
    shelf = Shelf(lambda: reads.append(1) or {"head": packed})
    x = mx.random.normal((3, 64), key=mx.random.key(1))
    further = [lambda part: part] if multiply is multiply_at_once else []
    found = multiply(x, Shelved(shelf, "head"), (50, 64), *further)
    wanted = np.asarray(x) @ np.asarray(packed.full()).T
    assert np.asarray(found) == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    assert reads == [1]
