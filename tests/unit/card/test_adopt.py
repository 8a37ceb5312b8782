"""Adoption: a generator's text is replaced, a person's is never lost."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hubtool.card.adopt import adopt
from hubtool.card.examples import EXAMPLES
from hubtool.card.frontmatter import split_card
from hubtool.card.render import render_card

GENERATED = (
    "# me/x-4bit",
    "This model [me/x-4bit](https://h/x) was\nconverted to MLX format from [a/x](https://h/a)\n"
    "using mlx-lm version **0.31.0**.",
    "## Use with mlx",
    "```bash\npip install mlx-lm\n```",
    '```python\nfrom mlx_lm import load, generate\n\nmodel, tokenizer = load("me/x-4bit")\n'
    "response = generate(model, tokenizer, prompt=prompt)\n```",
    "## License",
    "Gemma Terms of Use. Built on a/x.",
)
_LINE = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)
_PARAGRAPH = st.one_of(
    st.lists(_LINE, min_size=1, max_size=4).map("\n".join),
    st.sampled_from(
        ["## Usage", "# Mine", "```\n# no heading\n```", "| a |\n|---|", "> quote", "    code"]
    ),
)


@given(
    pieces=st.lists(st.one_of(_PARAGRAPH, st.sampled_from(GENERATED)), max_size=12),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_not_dropped_is_still_there_and_in_order(pieces: list[str], newline: str) -> None:
    body = "\n\n".join(pieces).replace("\n", newline)
    wanted = {"intro": "INTRO", "usage": "USAGE", "license": "LICENCE"}
    done = adopt(body, wanted, newline=newline)
    left = done.body
    for name in done.adopted:
        start = left.index(f"<!-- hubtool:begin {name} ")
        end = left.index(f"<!-- hubtool:end {name} -->") + len(f"<!-- hubtool:end {name} -->")
        left = left[:start] + left[end:]
    expected = Counter(body.split())
    for piece in done.dropped:
        expected -= Counter(piece.split())
    assert Counter(left.split()) == expected
    known = {word for one in (*GENERATED, "## Usage") for word in one.split()}
    assert {word for piece in done.dropped for word in piece.split()} <= known


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400))
def test_a_second_pass_over_any_card_changes_nothing(text: str) -> None:
    facts = EXAMPLES["text_only"]()
    if not split_card(text).readable and split_card(text).raw is not None:
        return  # refused: tests/unit/card/test_metadata.py
    first = render_card(facts, existing=text)
    assert split_card(text).body.strip() in first.text
    assert render_card(facts, existing=first.text).text == first.text


def test_a_sentence_added_to_a_generators_paragraph_keeps_the_paragraph() -> None:
    body = f"{GENERATED[1]} We like it.\n"
    assert adopt(body, {"intro": "new"}).body == body


def test_a_row_added_to_a_generators_table_keeps_the_table() -> None:
    table = "## Quantization details\n\n| Property | Value |\n|---|---|\n| Base | a/x |\n"
    assert adopt(table, {"details": "new"}).adopted == ("details",)
    assert adopt(f"{table}| Desk | Noor |\n", {"details": "new"}).dropped == ()


def test_what_no_block_says_again_stays() -> None:
    body = "\n\n".join(GENERATED)
    assert adopt(body, {}).body == body
    assert "Terms of Use" in adopt(body, {"intro": "new"}).body


def test_a_title_of_a_persons_own_stays_above_the_adopted_paragraph() -> None:
    done = adopt(f"# Mine\n\n{GENERATED[1]}\n", {"intro": "new"})
    assert done.body.startswith("# Mine\n\n<!-- hubtool:begin intro")


def test_a_changed_snippet_is_a_persons() -> None:
    body = "## Use with mlx\n\n```bash\npip install mlx-lm my-own-plugin\n```\n"
    assert adopt(body, {"usage": "new"}).body == body
