"""Cards that hubtool did not write, before and after: ``NAME.before.md`` and ``NAME.after.md``.

After a change that is meant: ``HUBTOOL_GOLDEN=write pytest tests/golden``, then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubtool.card.blocks import find_blocks
from hubtool.card.examples import EXAMPLES
from hubtool.card.frontmatter import split_card
from hubtool.card.metadata_rules import metadata_problems
from hubtool.card.render import RenderedCard, render_card

FOLDER = Path(__file__).parent / "adoption"
# of each card: the blocks that take over what a generator wrote, and words of a person
CARDS = {
    "mlx_lm": (("intro", "usage"), ("team-bench",)),
    "optiq": (
        ("intro", "banner", "details", "scores", "usage", "make", "license"),
        ("## Known issues", "Tool calls in Dutch lose their closing brace"),
    ),
    "handwritten": (
        (),
        (
            "- nl",
            "# Our reading-room model",
            "open `http://reading-room:8080`",
            "| 9 | Noor |",
            "nothing.",
        ),
    ),
    "crlf": (
        ("intro", "usage"),
        ("ask Noor — not the list.", "Mind the cache: 4 GB are enough.", "written by hand."),
    ),
}


def _adopt(name: str) -> tuple[str, RenderedCard]:
    before = (FOLDER / f"{name}.before.md").read_bytes().decode("utf-8")
    return before, render_card(EXAMPLES["seed"](), existing=before)


@pytest.mark.parametrize("name", CARDS)
def test_the_adopted_card_is_the_golden_one(name: str) -> None:
    _, rendered = _adopt(name)
    file = FOLDER / f"{name}.after.md"
    if os.environ.get("HUBTOOL_GOLDEN") == "write":
        file.write_bytes(rendered.text.encode("utf-8"))
        return
    assert rendered.text.encode("utf-8") == file.read_bytes()


@pytest.mark.parametrize("name", CARDS)
def test_what_a_generator_wrote_goes_and_what_a_person_wrote_stays(name: str) -> None:
    before, rendered = _adopt(name)
    blocks, words = CARDS[name]
    assert rendered.adopted == blocks
    assert [word for word in words if word not in rendered.text] == []
    assert all(piece in before for piece in rendered.dropped)
    # whatever is neither dropped nor front matter is still there, line by line
    body = split_card(before).body
    for piece in rendered.dropped:
        body = body.replace(piece, "", 1)
    lines = set(rendered.text.splitlines())
    assert [line for line in body.splitlines() if line not in lines] == []


@pytest.mark.parametrize("name", CARDS)
def test_an_adopted_card_is_hubtools_from_then_on(name: str) -> None:
    before, rendered = _adopt(name)
    again = render_card(EXAMPLES["seed"](), existing=rendered.text)
    assert (again.text, again.adopted, again.kept_edits) == (rendered.text, (), ())
    assert not any(block.is_edited for block in find_blocks(rendered.text))
    assert [
        one for one in metadata_problems(split_card(again.text)) if one.severity == "error"
    ] == []
    if "\r\n" in before:
        assert again.text.count("\r\n") == again.text.count("\n")
