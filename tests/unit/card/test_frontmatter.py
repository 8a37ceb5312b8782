"""Where the block of a card is, and what it says."""

from __future__ import annotations

import json

import pytest

from hubtool.card.frontmatter import FrontMatter, FrontMatterProblem, read_yaml, split_card


def kinds(card: FrontMatter) -> list[str]:
    return [problem.kind for problem in card.problems]


@pytest.mark.parametrize(
    "text",
    [
        "---\nlicense: mit\n---\n# Body\n",
        "\n \t---\nlicense: mit\n---\n# Body\n",
        "---\r\nlicense: mit\r\n---\r\n# Body\n",
        "---\nlicense: mit\n--- \t\n# Body\n",
        "---\nlicense: mit\n\n---\n# Body\n",
    ],
    ids=["plain", "white space first", "CRLF", "blanks behind the last fence", "empty last line"],
)
def test_block_is_found(text: str) -> None:
    card = split_card(text)
    assert (card.data, card.body, card.problems) == ({"license": "mit"}, "# Body\n", ())


def test_card_that_ends_with_its_fence_has_an_empty_body() -> None:
    assert split_card("---\nlicense: mit\n---") == FrontMatter(
        "license: mit", {"license": "mit"}, ""
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Title\n---\nlicense: mit\n---\n",
        "--- \nlicense: mit\n---\n",
        "---oops\nlicense: mit\n---\n",
        "---\nlicense: mit\n---oops\n",
        "---\nlicense: mit\n",
        "---\n---\n",
    ],
    ids=[
        "empty card",
        "text before the fence",
        "blank behind the first fence",
        "text behind the first fence",
        "text behind the last fence",
        "never closed",
        "fence directly after fence",
    ],
)
def test_no_block_leaves_the_whole_text_as_body(text: str) -> None:
    card = split_card(text)
    assert (card.raw, card.data, card.body, kinds(card)) == (None, {}, text, ["missing"])
    assert not card.readable


@pytest.mark.parametrize(
    ("block", "kind"),
    [("\n", "blank"), ("# note", "blank"), ("word", "scalar"), ("- a", "list"), ("a: [", "syntax")],
)
def test_block_that_is_no_mapping_gives_no_data(block: str, kind: str) -> None:
    card = split_card(f"---\n{block}\n---\nbody")
    assert (card.data, card.body, kinds(card)) == ({}, "body", [kind])


def test_byte_order_mark_is_dropped_and_told() -> None:
    card = split_card("\ufeff---\nlicense: mit\n---\n")
    assert (card.data, kinds(card), card.readable) == ({"license": "mit"}, ["bom"], True)


def test_duplicate_key_makes_the_block_unreadable_and_names_its_line() -> None:
    card = split_card("---\nlicense: mit\ntags: [a]\nlicense: apache-2.0\n---\n")
    assert card.data == {}
    assert card.problems == (
        FrontMatterProblem("duplicate-key", "duplicated mapping key license (3:1)", 4),
    )


def test_duplicate_key_is_found_in_a_nested_mapping() -> None:
    assert kinds(split_card("---\na:\n  - b: 1\n    b: 2\n---\n")) == ["duplicate-key"]


def test_plain_values_follow_yaml_1_2() -> None:
    text = (
        "language: no\non: yes\ndate: 2026-01-01\ntime: 12:30\nten: 010\neight: 0o10\nhex: 0x1F\n"
        "big: 1_000\nhalf: 0.5\nexp: 1e3\nempty:\nnothing: ~\nyesno: true\nquoted: 'true'\n"
    )
    value, _ = read_yaml(text)
    assert value == {
        "language": "no",
        "on": "yes",
        "date": "2026-01-01",
        "time": "12:30",
        "ten": 10,
        "eight": 8,
        "hex": 31,
        "big": "1_000",
        "half": 0.5,
        "exp": 1000.0,
        "empty": None,
        "nothing": None,
        "yesno": True,
        "quoted": "true",
    }


def test_values_that_the_python_client_reads_otherwise_are_told_with_their_line() -> None:
    card = split_card('---\nlanguage: no\nversion: 1.10\ndate: 2026-01-01\nquoted: "no"\n---\n')
    assert [(problem.line, problem.message) for problem in card.problems] == [
        (2, "no is read as bool by YAML 1.1 readers; quote it"),
        (3, "1.10 is a number and loses its last zero; quote a version"),
        (4, "2026-01-01 is read as timestamp by YAML 1.1 readers; quote it"),
    ]
    assert card.readable


def test_keys_are_text_as_they_are_written() -> None:
    assert read_yaml("1: a\ntrue: b\nno: c")[0] == {"1": "a", "true": "b", "no": "c"}


def test_merge_keys_are_followed() -> None:
    assert read_yaml("b: &b {x: 1}\nc:\n  <<: *b\n  y: 2")[0]["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "[" * 500,
        "a: " + "9" * 5000,
        "a: 0x" + "f" * 5000,
        "? [a]\n: b",
        "a: !!python/object:os.system x",
        "a: !!int x",
        "a: \x07",
        "a: *nobody",
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
        "e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]",
    ],
    ids=[
        "alias of itself",
        "deep nesting",
        "huge number",
        "huge hex number",
        "key that is no text",
        "python tag",
        "wrong explicit tag",
        "control character",
        "unknown alias",
        "aliases that multiply",
    ],
)
def test_hostile_yaml_is_a_problem_and_not_an_error(text: str) -> None:
    value, problems = read_yaml(text)
    assert (value, [problem.kind for problem in problems]) == (None, ["syntax"])


def test_every_value_fits_into_json() -> None:
    text = (
        'a: .nan\nb: .inf\nc: 1e999\nd: "\\ud800"\ne: !!set {x}\nf: !!omap [y: 1]\ng: !!binary aGk='
    )
    value, problems = read_yaml(text)
    assert {problem.kind for problem in problems} == {"ambiguous"}
    assert json.loads(json.dumps(value, allow_nan=False, ensure_ascii=False).encode()) == {
        "a": None,
        "b": None,
        "c": None,
        "d": "?",
        "e": {"x": None},
        "f": [{"y": 1}],
        "g": "aGk=",
    }
