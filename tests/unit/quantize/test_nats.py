"""KL from a reference, against the plain sum in double precision."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from hubtool.quantize.nats import ReferenceRows


def _plain(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    logs = []
    for logits in (first, second):
        wide = logits.astype(np.float64)
        wide -= wide.max(axis=-1, keepdims=True)
        logs.append(wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True)))
    return (np.exp(logs[0]) * (logs[0] - logs[1])).sum(axis=-1)


@pytest.mark.parametrize("change", [1e-3, 0.1, 3.0, 200.0])
def test_it_is_the_plain_sum_for_small_and_for_huge_changes(change: float) -> None:
    draw = np.random.default_rng(0)
    first = (20 + 4 * draw.standard_normal((70, 1000))).astype(np.float32)
    second = first + (change * draw.standard_normal(first.shape)).astype(np.float32)
    found = ReferenceRows(mx.array(first)).kl(mx.array(second))
    assert found == pytest.approx(_plain(first, second), rel=2e-3)


def test_a_constant_added_to_all_logits_changes_nothing() -> None:
    logits = mx.random.normal((8, 50_000), key=mx.random.key(1))
    assert float(ReferenceRows(logits).kl(logits + 30).max()) < 1e-11


def test_rows_are_found_from_where_they_start() -> None:
    logits = mx.random.normal((9, 40), key=mx.random.key(2))
    other = logits + mx.random.normal(logits.shape, key=mx.random.key(3))
    rows = ReferenceRows(logits)
    assert rows.kl(other[4:], start=4) == pytest.approx(rows.kl(other)[4:])


def test_a_nan_is_told() -> None:
    assert not ReferenceRows(mx.array([[1.0, float("nan")]])).finite
