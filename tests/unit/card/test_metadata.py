"""The front matter: owned keys are hubtool's, all others a person's."""

from __future__ import annotations

import dataclasses

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


CONVERTED = (
    "This model [a/b](https://h/a/b) was converted to MLX format from [c/d](https://h/c/d) "
    "using mlx-lm version **0.31.0**."
)


@pytest.mark.parametrize("body", ["", CONVERTED])
def test_what_a_converter_copied_from_the_base_goes_and_is_named(body: str) -> None:
    rendered = render_card(EXAMPLES["text_only"](), existing=f"---\n{COPIED}---\n{body}")
    assert split_card(rendered.text).data == WANTED
    assert "left out, since it is not true of a quant: thumbnail, widget" in rendered.notes[-1]


@pytest.mark.parametrize("body", ["My own words.\n", wrap("intro", "x")])
def test_whoever_writes_such_a_key_keeps_it(body: str) -> None:
    rendered = render_card(EXAMPLES["text_only"](), existing=f"---\n{COPIED}---\n{body}")
    mine = split_card(rendered.text).data
    assert mine["thumbnail"] == "https://example.org/base.png"
    assert mine["extra_gated_prompt"] == "sign here"


def test_another_licence_and_doubled_headings_are_told() -> None:
    card = "---\nlicense: mit\n---\n## License\n\nMine: MIT.\n"
    notes = render_card(EXAMPLES["text_only"](), existing=card).notes
    assert "front matter: license was 'mit', is 'apache-2.0'" in notes
    assert notes[-1].endswith("in your text as well as in a block: License")


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


def test_the_index_says_which_numbers_of_items_no_file_states() -> None:
    facts = dataclasses.replace(EXAMPLES["unlike_settings"](), model_index=True)
    assert facts.capability is not None
    mmlu, *others = facts.capability.rows
    assumed = dataclasses.replace(mmlu, n_from="the defaults of mlx-optiq")
    capability = dataclasses.replace(facts.capability, rows=(assumed, *others))
    index = build_metadata(dataclasses.replace(facts, capability=capability))["model-index"]
    names = [result["dataset"]["name"] for result in index[0]["results"]]
    assert names == ["MMLU (1000 items, by the defaults of mlx-optiq)", "GSM8K (1000 items)"]
