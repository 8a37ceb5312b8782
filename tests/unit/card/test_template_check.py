"""Templates of a user's own: what is wrong with them is found before a card is rendered."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hubtool.card.examples import EXAMPLES
from hubtool.card.facts import CardFacts
from hubtool.card.template_check import check_template, fact_names, literal_numbers
from hubtool.card.templates import block_names, load_brand, shipped_brands, shipped_templates
from hubtool.errors import TemplateInvalid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "blocks").mkdir()
    (tmp_path / "mine.md.j2").write_text('{% include "blocks/mine.md.j2" %}')
    return tmp_path


def problems(folder: Path, block: str, brand: str = "plain") -> tuple[str, ...]:
    (folder / "blocks/mine.md.j2").write_text(block)
    return check_template(str(folder / "mine.md.j2"), brand).problems


@pytest.mark.parametrize("brand", shipped_brands())
@pytest.mark.parametrize("template", shipped_templates())
def test_the_shipped_ones_have_no_problem(template: str, brand: str) -> None:
    report = check_template(template, brand)
    assert report.problems == ()
    assert set(report.pages) == set(EXAMPLES)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{{ facts.nope }}", "line 1: there is no facts.nope"),
        (
            "\n{% if facts.mtp %}{{ facts.vision.filez }}{% endif %}",
            "line 2: there is no facts.vis",
        ),
        ("{% if false %}{{ facts.capability.nope }}{% endif %}", "no facts.capability.nope"),
        ("{{ facts.predominant.bit }}", "there is no facts.predominant.bit"),
        ("{{ words.brag(facts) }}", "there is no words.brag"),
        ("{{ brand.colour }}", "there is no brand.colour"),
        ("{{ fact.repo }}", "there is no fact"),
        ("{{ facts.repo | shout }}", "No filter named 'shout'"),
        ("{% if facts.repo %}", "line 1: "),
        ("{{ facts.vision.files[0] }}", "(facts: text_only, "),
        ("a\n9.9x faster", "line 2: 9.9 stands in the text"),
        ("{{ '9.9x' }} faster", "line 1: 9.9 stands in the text"),
        ("Saves 40% of it", "40% stands"),
        ("{{ facts.repo }}", "facts.repo is text from outside"),
        ("<!-- hubtool:end mine -->", "may hold no marker"),
    ],
)
def test_a_problem_is_told_with_its_line(folder: Path, block: str, said: str) -> None:
    found = problems(folder, block)
    assert any(said in one and "mine.md.j2" in one for one in found), found


@pytest.mark.parametrize(
    "block",
    [
        "{{ facts.repo | md }} on M1 in bf16, q4_0",
        "```\nprint(generate(max_tokens=256))\n```",
        "run `--target-bpw 5.0`, see [it](https://h/2026/v1)",
        "{# 9.9x #}{{ facts.nominal_bpw | fixed(2) }} {{ '%.1f' | format(facts.stored_bpw) }}",
        "{% for row in facts.widths %}{{ row.bits }}{% endfor %}",
        "{% set most = facts.predominant %}{{ most.bits if most }}",
    ],
)
def test_what_is_sound_has_no_problem(folder: Path, block: str) -> None:
    assert problems(folder, block) == ()


def test_unused_facts_and_silent_blocks_are_told(folder: Path) -> None:
    (folder / "blocks/mine.md.j2").write_text("{% if facts.repo == '' %}x{% endif %}")
    report = check_template(str(folder / "mine.md.j2"), "plain")
    assert report.silent == ("mine",)
    assert "capability" in report.unused
    assert "repo" not in report.unused


def test_what_no_card_would_show_is_told(folder: Path) -> None:
    include = '{% include "blocks/mine.md.j2" %}'
    (folder / "mine.md.j2").write_text(f"Hello.\n{include}\n{include}")
    found = problems(folder, "{{ facts.repo | md }}")
    assert any("text outside of blocks is on no card: 'Hello.'" in one for one in found)
    assert any("block mine is placed twice" in one for one in found)


def test_every_fact_can_be_told_to_be_unused() -> None:
    assert {field.name for field in dataclasses.fields(CardFacts)} <= set(fact_names())
    assert {"predominant", "is_mixed"} <= set(fact_names())


def brand_file(folder: Path, text: str) -> str:
    file = folder / "ours.yaml"
    file.write_text(f"name: ours\nmethod_name: a method\n{text}")
    return str(file)


def test_a_brand_gives_names_to_repos(folder: Path) -> None:
    brand = load_brand(brand_file(folder, 'naming: "{base}-Ours-{bits}b"'))
    assert brand.repo_name("org/model", 3) == "model-Ours-3b"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("naming: fixed", "naming"),
        ('naming: "{base}/{bits}"', "naming"),
        ('naming: "{base}-{width}"', "naming"),
        ("links: {Docs: 'javascript:alert(1)'}", "links"),
        ("colour: red", "colour"),
        ("banner: [1", "not YAML"),
        ("banner: 'by {og}'", "nothing fills"),
        ("links: {Docs: 'https://h/{nope}'}", "nothing fills"),
    ],
)
def test_a_brand_that_cannot_be_is_refused_with_file_and_field(
    folder: Path, text: str, said: str
) -> None:
    with pytest.raises(TemplateInvalid, match=said) as raised:
        load_brand(brand_file(folder, text))
    assert "ours.yaml" in raised.value.message


@pytest.mark.parametrize("kind", ["template", "brand"])
def test_a_file_that_is_not_utf8_is_named_with_its_line(folder: Path, kind: str) -> None:
    own = folder / ("own.md.j2" if kind == "template" else "own.yaml")
    own.write_bytes(b"banner: x\n\xff\xfe\n")
    with pytest.raises(TemplateInvalid, match=r"own.*line 2: not UTF-8"):
        block_names(str(own)) if kind == "template" else load_brand(str(own))


def test_an_empty_brand_is_told_in_words(folder: Path) -> None:
    empty = folder / "empty.yaml"
    empty.write_text("# nothing yet\n")
    with pytest.raises(TemplateInvalid, match="found nothing, not fields"):
        load_brand(str(empty))


def test_a_brand_may_not_boast_numbers(folder: Path) -> None:
    found = list(literal_numbers("plain", brand_file(folder, "banner: 9.9x faster")))
    assert found == ["brand ours, banner: 9.9 stands in the text, no fact says it"]
