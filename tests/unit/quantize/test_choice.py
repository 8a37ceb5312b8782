"""Choices of width and group size, and their keys in records."""

from __future__ import annotations

import pytest

from hubtool.quantize.choice import UNQUANTIZED, Choice, choices_of


@pytest.mark.parametrize(
    ("choice", "default", "key"),
    [
        (Choice(4, 64), 64, "4"),
        (Choice(4, 32), 64, "4/32"),
        (Choice(4, 32), 32, "4"),
        (Choice(8, 128), 64, "8/128"),
        (UNQUANTIZED, 64, "16"),
    ],
)
def test_a_key_leaves_the_usual_group_size_out_and_is_read_back(
    choice: Choice, default: int, key: str
) -> None:
    assert choice.key(default) == key
    assert Choice.parse(key, default) == choice


@pytest.mark.parametrize("key", ["", "four", "4/", "4/x", "4/32/1"])
def test_other_text_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Choice.parse(key, 64)


def test_stored_bits_count_a_scale_and_a_bias_of_two_bytes_a_group() -> None:
    assert [Choice(4, size).stored_bits for size in (32, 64, 128)] == [5.0, 4.5, 4.25]
    assert UNQUANTIZED.stored_bits == 16


def test_a_grid_has_every_choice_once_and_one_that_keeps_floats() -> None:
    assert choices_of((8, 4, 16), (64, 32)) == (
        Choice(4, 32),
        Choice(4, 64),
        Choice(8, 32),
        Choice(8, 64),
        UNQUANTIZED,
    )


def test_groups_must_divide_a_row() -> None:
    assert Choice(4, 32).fits(96)
    assert not Choice(4, 64).fits(96)
    assert UNQUANTIZED.fits(7)
