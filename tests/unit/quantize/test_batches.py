"""Windows in groups and batches."""

from __future__ import annotations

from hubtool.quantize.batches import Batch, grouped, rows_of


def _windows(*lengths: int) -> tuple[tuple[int, ...], ...]:
    return tuple((number,) * length for number, length in enumerate(lengths))


def test_every_window_is_in_one_batch_and_positions_are_numbered_through() -> None:
    windows = _windows(7, 3, 9, 4, 8, 2, 9)
    groups = grouped(windows, 20, 10)
    batches = [batch for group in groups for batch in group]
    assert sorted(window for batch in batches for window in batch.windows) == sorted(windows)
    starts = [sum(one.positions for one in batches[:place]) for place in range(len(batches))]
    assert [batch.first for batch in batches] == starts
    assert all(sum(batch.positions for batch in group) <= 20 for group in groups)


def test_a_window_longer_than_a_group_is_one_of_its_own() -> None:
    assert [len(group[0].windows[0]) for group in grouped(_windows(30, 5), 20)] == [30, 5]


def test_batches_of_a_group_share_its_tokens_evenly() -> None:
    ((first, second),) = grouped(_windows(*[43] * 12), 4096, 256)
    assert (first.positions, second.positions) == (6 * 43, 6 * 43)


def test_windows_of_unlike_lengths_are_not_padded_to_the_longest() -> None:
    (group,) = grouped(_windows(100, 10, 10, 10), 4096)
    assert [batch.positions for batch in group] == [100, 30]


def test_rows_without_padding_keep_their_order() -> None:

    batch = Batch(((1, 2, 3), (4, 5)), 0)
    assert batch.ids().tolist() == [[1, 2, 3], [4, 5, 0]]
    assert rows_of(batch.ids()[..., None], batch).tolist() == [[1], [2], [3], [4], [5]]
