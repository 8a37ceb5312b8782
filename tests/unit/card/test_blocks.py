"""Blocks: hubtool replaces its own and keeps every other byte."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtool.card.blocks import find_blocks, replace_blocks, wrap
from hubtool.card.examples import EXAMPLES
from hubtool.card.render import render_card
from hubtool.errors import CardUnreadable

# text of a person: anything but our own markers
_PROSE = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200).filter(
    lambda text: "hubtool:" not in text
)
_NAMES = st.sampled_from(["intro", "details", "usage"])


@given(parts=st.lists(_PROSE, min_size=1, max_size=4), old=_PROSE, new=_PROSE)
def test_all_text_around_blocks_is_kept(parts: list[str], old: str, new: str) -> None:
    names = [f"b{number}" for number in range(len(parts) - 1)]
    body = parts[0] + "".join(
        wrap(name, old) + part for name, part in zip(names, parts[1:], strict=True)
    )
    wanted = dict.fromkeys(names, new)
    result, kept = replace_blocks(body, wanted)
    assert kept == ()
    assert result == parts[0] + "".join(
        wrap(name, new) + part for name, part in zip(names, parts[1:], strict=True)
    )
    assert replace_blocks(result, wanted) == (result, ())


@given(
    parts=st.lists(_PROSE, min_size=3, max_size=3),
    own=_PROSE,
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_an_edited_block_is_kept_whatever_stands_around_it(
    parts: list[str], own: str, newline: str
) -> None:
    edited = wrap("intro", "ours", newline=newline).replace("ours", f"{own} ours")
    body = parts[0] + edited + parts[1] + wrap("details", "old", newline=newline) + parts[2]
    result, kept = replace_blocks(body, {"intro": "new", "details": "new"})
    fresh = wrap("details", "new", newline=newline)
    assert result == parts[0] + edited + parts[1] + fresh + parts[2]
    assert kept == ("intro",)  # a blank before a word is an edit, too


@given(body=_PROSE, text=_PROSE)
def test_a_card_without_blocks_keeps_its_whole_body(body: str, text: str) -> None:
    result, _ = replace_blocks(body, {"intro": text})
    assert body in result
    assert replace_blocks(result, {"intro": text}) == (result, ())


def test_an_edited_block_is_kept_and_reported() -> None:
    body = "a\n" + wrap("intro", "ours").replace("ours", "theirs") + "\nz"
    assert replace_blocks(body, {"intro": "new"}) == (body, ("intro",))
    replaced, kept = replace_blocks(body, {"intro": "new"}, overwrite_edited=True)
    assert (replaced, kept) == ("a\n" + wrap("intro", "new") + "\nz", ())


def test_windows_line_ends_do_not_make_a_block_edited() -> None:
    body = ("top\n" + wrap("intro", "one\ntwo") + "\nend").replace("\n", "\r\n")
    assert [block.is_edited for block in find_blocks(body)] == [False]
    result, _ = replace_blocks(body, {"intro": "three\nfour"})
    assert result == ("top\n" + wrap("intro", "three\nfour") + "\nend").replace("\n", "\r\n")


def test_a_block_that_is_new_goes_behind_the_one_before_it() -> None:
    body = f"top\n{wrap('intro', 'i')}\nmine\n{wrap('license', 'l')}\n"
    result, _ = replace_blocks(body, {"intro": "i", "details": "d", "license": "l"})
    assert [block.name for block in find_blocks(result)] == ["intro", "details", "license"]
    assert result.index("details") < result.index("mine")


def test_a_block_that_no_fact_fills_goes_unless_it_was_edited() -> None:
    body = f"{wrap('scores', 'old')}\ntext"
    assert replace_blocks(body, {}) == ("\ntext", ())
    edited = body.replace("old", "own")
    assert replace_blocks(edited, {}) == (edited, ("scores",))


def test_a_copy_of_a_block_is_the_persons() -> None:
    body = f"{wrap('intro', 'old')}\n{wrap('intro', 'old')}"
    result, _ = replace_blocks(body, {"intro": "new"})
    assert result == f"{wrap('intro', 'new')}\n{wrap('intro', 'old')}"


@pytest.mark.parametrize("torn", ["<!-- hubtool:begin intro -->", "<!-- hubtool:end intro -->"])
def test_a_torn_marker_is_text(torn: str) -> None:
    result, _ = replace_blocks(f"a {torn} b", {"intro": "new"})
    assert f"a {torn} b" in result


@pytest.mark.parametrize(
    "body",
    [
        "word " * 200_000 + wrap("intro", "old") + "<!-- hubtool:begin x " * 1000,
        "# a\n\n" * 150_000,
        "```\n" * 250_001,
        "| a | b |\n" * 100_000,
        "Built with " * 90_000,
        "[" * 1_000_000,
        "This model [x](y) was converted to MLX format from [a](b) " * 18_000,
        "```python\nfrom mlx_lm import load, generate\n" + "generate(model, " * 60_000 + "\n```",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_card_of_a_megabyte_takes_no_time(body: str) -> None:
    started = time.process_time()
    rendered = render_card(EXAMPLES["text_only"](), existing=body)
    assert time.process_time() - started < 5  # quadratic work would take minutes
    assert len(rendered.text) > len(body)


@pytest.mark.parametrize("end", ["begin intro 0123456789abcdef", "end intro"])
def test_a_card_of_torn_markers_is_refused_at_once(end: str) -> None:
    started = time.process_time()
    with pytest.raises(CardUnreadable, match="line 1: a marker of block intro has no partner"):
        render_card(EXAMPLES["text_only"](), existing=f"<!-- hubtool:{end} -->\n" * 20_000)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_blocks_that_are_taken_out_leave_one_blank_line_at_most(newline: str) -> None:
    names = ["intro", "details", "usage", "license", "end"]
    body = replace_blocks("", dict.fromkeys(names, "text"), newline=newline)[0]
    for kept in (["intro", "license"], ["end"], ["details"]):
        wanted = dict.fromkeys(kept, "text")
        result, _ = replace_blocks(body, wanted, newline=newline)
        assert result == replace_blocks("", wanted, newline=newline)[0]
        assert replace_blocks(result, wanted, newline=newline) == (result, ())


@given(before=_PROSE, after=_PROSE)
def test_only_line_breaks_go_with_a_block_that_is_taken_out(before: str, after: str) -> None:
    result, _ = replace_blocks(f"{before}{wrap('intro', 'text')}{after}", {})
    assert re.sub(r"[\r\n]", "", result) == re.sub(r"[\r\n]", "", before + after)


def test_wider_gaps_of_a_person_stay() -> None:
    body = f"one\n\n\n\n{wrap('intro', 'text')}\n\ntwo\n\n{wrap('usage', 'text')}\n\n\nthree\n"
    assert replace_blocks(body, {})[0] == "one\n\n\n\ntwo\n\n\nthree\n"
