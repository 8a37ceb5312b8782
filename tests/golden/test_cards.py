"""Golden cards: whole pages, rendered from facts alone.

After a change that is meant: ``HUBTOOL_GOLDEN=write pytest tests/golden``, then read the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from hubtool.card.example_parts import scores
from hubtool.card.examples import EXAMPLES
from hubtool.card.frontmatter import split_card
from hubtool.card.metadata_rules import metadata_problems
from hubtool.card.render import render_card
from hubtool.scores.capability import compare

FOLDER = Path(__file__).parent / "cards"
COMMENT = re.compile(r"<!-- golden:.*?-->\n", re.DOTALL)  # why the page is as it is
PLAIN = {
    "imported_uniform",
    "plain_mlx_lm",
    "partial_suite",
    "kept_components",
    "mtp_head",
}  # all others have the look of OptiQ


def _look(name: str) -> str:
    return "plain" if name in PLAIN else "optiq"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_card_is_the_golden_one(name: str) -> None:
    make, look = EXAMPLES[name], _look(name)
    text = render_card(make(), template=look, brand=look).text
    file = FOLDER / f"{name}.md"
    known = file.read_text(encoding="utf-8") if file.is_file() else ""
    comment = COMMENT.match(known)
    if os.environ.get("HUBTOOL_GOLDEN") == "write":
        file.write_text((comment[0] if comment else "") + text, encoding="utf-8")
        return
    assert text == (known[comment.end() :] if comment else known)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_front_matter_is_what_the_hub_takes(name: str) -> None:
    make, look = EXAMPLES[name], _look(name)
    card = split_card(render_card(make(), template=look, brand=look).text)
    errors = [one.field for one in metadata_problems(card) if one.severity == "error"]
    # no repo on the Hub can have that name; all other fields must hold nevertheless
    assert errors == (["base_model"] if name == "hostile_names" else [])


@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering_again_changes_nothing(name: str) -> None:
    make, look = EXAMPLES[name], _look(name)
    first = render_card(make(), template=look, brand=look)
    again = render_card(make(), template=look, brand=look, existing=first.text)
    assert again == first


def test_the_mean_is_computed_unrounded_and_rounded_once() -> None:
    capability = compare(scores())
    assert capability is not None
    assert capability.delta_points is not None
    assert capability.baseline_mean is not None
    assert capability.complete
    assert f"{capability.candidate_mean:.2f}" == "65.75"
    assert f"{capability.baseline_mean:.2f}" == "64.56"
    assert f"{capability.delta_points:+.2f}" == "+1.19"


def test_hostile_names_execute_nothing_and_leave_the_tables_whole() -> None:
    from markdown_it import MarkdownIt

    body = split_card(render_card(EXAMPLES["hostile_names"]()).text).body
    # raw HTML is let through here: what stands in the output would run on a careless page
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(body).lower()
    ours = [
        "a",
        "blockquote",
        "code",
        "h1",
        "h2",
        "img",
        "p",
        "pre",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
    ]
    assert sorted(set(re.findall(r"<([a-z0-9]+)", html))) == ours
    assert all(
        link.startswith(("http", "license", "optiq/"))
        for link in re.findall(r'href="([^"]*)', html)
    )
    tables = html.split("<table>")[1:]
    assert [set(map(len, _cells(table))) for table in tables] == [{2}, {4}]


def _cells(table: str) -> list[list[str]]:
    rows = table.split("</table>")[0].split("<tr>")[1:]
    return [re.findall(r"<t[hd][ >]", row) for row in rows]
