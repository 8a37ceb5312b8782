"""What the Hub answers about a card's fields: the recorded table, row by row."""

from __future__ import annotations

import pytest

from hubtool.card.frontmatter import split_card
from hubtool.card.metadata_rules import is_repo_id, metadata_problems
from hubtool.licences.identifiers import LICENCE_IDENTIFIERS


def problems(block: str) -> list[tuple[str, str]]:
    found = metadata_problems(split_card(f"---\n{block}\n---\n"))
    return [(problem.severity, problem.message) for problem in found]


def test_there_are_83_licence_identifiers() -> None:
    assert len(set(LICENCE_IDENTIFIERS)) == len(LICENCE_IDENTIFIERS) == 83


def test_good_card_has_no_problem() -> None:
    block = (
        "license: [apache-2.0, gemma]\nlanguage: [en, 'no', yue, code]\nbase_model: Qwen/Qwen3-4B\n"
        "base_model_relation: quantized\nanything_else: {at: all}\n"
        "model-index:\n- name: m\n  results:\n  - task: {type: text-generation}\n"
        "    dataset: {type: cais/mmlu, name: MMLU, config: all}\n"
        "    metrics: [{type: accuracy, value: 0.5, args: {shots: 5}, unknown: 1}]"
    )
    assert problems(block) == []


@pytest.mark.parametrize(
    ("card", "severity", "message"),
    [
        ("# hi", "warning", "empty or missing yaml metadata in repo card"),
        ("---\n---\n", "warning", "empty or missing yaml metadata in repo card"),
        ("---\n\n---\n", "error", "The YAML metadata of your README.md is invalid."),
        ("---\nword\n---\n", "error", "The YAML metadata of your README.md is invalid."),
        ("---\n- a\n---\n", "error", '"value" must be of type object'),
        (
            "---\na: 1\na: 2\n---\n",
            "error",
            "Invalid YAML in README.md: duplicated mapping key a (2:1)",
        ),
        (
            "---\na: [\n---\n",
            "error",
            "Invalid YAML in README.md: expected the node content, but found '<stream end>' (1:5)",
        ),
        (
            "\ufeff---\nlicense: mit\n---\n",
            "advice",
            "README.md starts with a byte order mark, behind which some readers see no block",
        ),
    ],
)
def test_block_row(card: str, severity: str, message: str) -> None:
    found = metadata_problems(split_card(card))
    assert [(problem.severity, problem.message) for problem in found] == [(severity, message)]


@pytest.mark.parametrize("licence", ["apache-2.0-or-later", "Apache-2.0", "", "{a: b}", "1"])
def test_licence_outside_the_list_is_refused(licence: str) -> None:
    known = ", ".join(LICENCE_IDENTIFIERS)
    assert problems(f"license: {licence}") == [("error", f'"license" must be one of [{known}]')]


def test_licence_list_names_the_bad_item() -> None:
    (found,) = metadata_problems(split_card("---\nlicense: [mit, gpl-3.0-only]\n---\n"))
    assert (found.rule, found.field) == ("field/license", "license[1]")


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("org/name", True),
        ("gpt2", True),
        ("Qwen/Qwen3-0.6B_x", True),
        ("a" * 96, True),
        ("a" * 97, False),
        ("./folder", False),
        ("/models/x", False),
        ("a/b/c", False),
        ("My Model", False),
        ("org/-name", False),
        ("org/name.", False),
        ("org/na--me", False),
        ("org/na..me", False),
        ("org/name.git", False),
        ("https://example.org/a", False),
        (None, False),
        (7, False),
    ],
)
def test_repo_id(value: object, good: bool) -> None:
    assert is_repo_id(value) is good


def test_base_model_that_is_no_repo_id_is_refused() -> None:
    assert problems("base_model: [org/name, ./local]") == [
        (
            "error",
            '"base_model[1]" with value "./local" is not valid. '
            "Use a model id from the Hub, org/name",
        )
    ]


def test_unknown_relation_is_advice_only() -> None:
    assert problems("base_model_relation: quantised") == [
        (
            "advice",
            '"base_model_relation" should be one of [adapter, merge, quantized, finetune]',
        )
    ]


@pytest.mark.parametrize("language", ["lean4", "English", "EN", "7", "pt-BR"])
def test_language_that_is_no_code_is_refused(language: str) -> None:
    assert problems(f"language: {language}") == [
        (
            "error",
            f'"language" with value "{language}" is not a two- or three-letter code '
            "or one of code, multilingual",
        )
    ]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{}", '"model-index" must be an array'),
        ("[7]", '"model-index[0]" must be of type object'),
        ("[{name: m}]", '"model-index[0].results" is required'),
        ("[{results: []}]", '"model-index[0].name" is required'),
        ("[{name: m, results: 1}]", '"model-index[0].results" must be an array'),
        ("[{name: m, results: [1]}]", '"model-index[0].results[0]" must be of type object'),
        (
            "[{name: m, results: [{task: {type: t}, dataset: {type: d, name: n}}]}]",
            '"model-index[0].results[0].metrics" must be an array',
        ),
        (
            "[{name: m, results: [{task: {type: t}, metrics: []}]}]",
            '"model-index[0].results[0].dataset" is required',
        ),
        (
            "[{name: m, results: [{task: {type: t}, dataset: {type: d, name: n, config: 1},"
            " metrics: []}]}]",
            '"model-index[0].results[0].dataset.config" must be a string',
        ),
        (
            "[{name: m, results: [{task: {type: t}, dataset: {type: d, name: n},"
            " metrics: [{type: acc, value: 1, config: [a]}]}]}]",
            '"model-index[0].results[0].metrics[0].config" must be a string',
        ),
        (
            "[{name: m, results: [{task: {type: t}, dataset: {type: d, name: n},"
            " metrics: [{type: acc}]}]}]",
            '"model-index[0].results[0].metrics[0].value" is required',
        ),
    ],
)
def test_model_index_row(index: str, message: str) -> None:
    assert problems(f"model-index: {index}") == [("error", message)]
