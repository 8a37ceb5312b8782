"""The Notice file: one line for every licence that asks, as that licence prints it."""

from __future__ import annotations

import pytest

from hubtool.licences.families import families
from hubtool.licences.notices import (
    asks_for_notice,
    lines_of,
    missing_lines,
    notice_line,
    notice_path,
)
from tests.unit.licences.test_rules import declared

# a sentence of the shape that agreements print, not their words
AGREEMENT = """4. Copies. You must keep, in every copy, a text file named “Notice” distributed with it,
that reads: “{line}” and nothing else."""
LINE = "Tiny Model is made available under the Tiny Community License, Copyright (c) Tiny Lab."


def test_who_asks_for_a_notice() -> None:
    asks = {"gemma", "qwen", "stability", "hunyuan", "hyperclova", "nvidia-open-model"}
    asks |= {"tongyi-qianwen", "qwen-research", "mistral-research"}
    asks |= {"llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4"}
    assert {one.id for one in families() if one.notice} == asks


@pytest.mark.parametrize("quotes", ["“”", '""'])
def test_the_line_is_taken_as_it_is_printed(quotes: str) -> None:
    text = AGREEMENT.format(line=LINE).replace("“", quotes[0]).replace("”", quotes[1])
    assert notice_line(text) == LINE
    assert notice_line(text.replace("Notice", "Remark")) is None


def test_a_printed_line_goes_before_what_a_notice_file_says() -> None:
    texts = {"LICENSE": AGREEMENT.format(line=LINE).encode(), "NOTICE": b"Theirs.\n"}
    assert lines_of(texts) == (LINE,)
    assert lines_of({"NOTICE": b"Theirs.\n"}) == ("Theirs.",)
    assert lines_of({"NOTICE": b" \n"}) == ()


def test_a_line_is_held_whatever_its_white_space() -> None:
    assert missing_lines([LINE], ["By us.\n" + LINE.replace(" ", "\n")]) == ()
    assert missing_lines([LINE], ["An Apache fine-tune's own notice."]) == (LINE,)


def test_the_bases_own_file_keeps_its_name() -> None:
    assert notice_path(["LICENSE"]) == "Notice"
    assert notice_path(["NOTICE", "LICENSE"]) == "Notice-quant"
    assert notice_path(["NOTICE.txt"]) == "Notice"


def test_other_licences_ask_for_none() -> None:
    assert not asks_for_notice(declared("apache-2.0"))
    assert asks_for_notice(declared("apache-2.0", "gemma"))
