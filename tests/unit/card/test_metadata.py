"""The front matter: owned keys are hubtool's, all others a person's."""

from __future__ import annotations

import pytest

from hubtool.card.blocks import wrap
from hubtool.card.examples import EXAMPLES
from hubtool.card.frontmatter import split_card
from hubtool.card.metadata import build_metadata, merge_metadata
from hubtool.card.render import render_card
from hubtool.errors import CardMetadataInvalid

WANTED = build_metadata(EXAMPLES["text_only"]())
COPIED = "thumbnail: https://example.org/base.png\nwidget: []\nextra_gated_prompt: sign here\n"


def _merged(card: str) -> dict[str, object]:
    front, body = merge_metadata(card, WANTED)
    return split_card(front + body).data


def test_what_converters_copied_from_the_base_goes_with_the_first_pass() -> None:
    assert _merged(f"---\n{COPIED}---\ntext") == WANTED


def test_whoever_writes_such_a_key_into_hubtools_card_keeps_it() -> None:
    mine = _merged(f"---\n{COPIED}---\n{wrap('intro', 'x')}")
    assert mine["thumbnail"] == "https://example.org/base.png"
    assert mine["extra_gated_prompt"] == "sign here"


def test_a_persons_languages_stay_where_the_base_names_none() -> None:
    no_language = {key: value for key, value in WANTED.items() if key != "language"}
    front, _ = merge_metadata("---\nlanguage: [nl]\n---\n", no_language)
    assert split_card(front).data["language"] == ["nl"]
    assert _merged("---\nlanguage: [nl]\n---\n")["language"] == ["en"]


def test_a_block_that_says_it_all_is_kept_byte_for_byte() -> None:
    front, _ = merge_metadata("", WANTED)
    commented = front.replace("---\n", "---\n# by hand\n", 1)
    assert merge_metadata(commented + "text", WANTED) == (commented, "text")
    assert merge_metadata("\ufeff" + commented + "text", WANTED) == (commented, "text")


@pytest.mark.parametrize(
    "broken", ["a: [1\n", "a: 1\na: 2\n", "- a\n- b\n", "a:\n\t- 1\n", "just words\n"]
)
def test_front_matter_that_cannot_be_read_is_not_replaced(broken: str) -> None:
    with pytest.raises(CardMetadataInvalid, match="front matter") as raised:
        render_card(EXAMPLES["text_only"](), existing=f"---\n{broken}---\nmy text\n")
    assert "README.md" in raised.value.message


def test_front_matter_that_never_ends_is_text_and_stays() -> None:
    card = "---\na: 1\n\nmy text\n"
    rendered = render_card(EXAMPLES["text_only"](), existing=card)
    assert rendered.text.endswith(card)
    assert split_card(rendered.text).readable
