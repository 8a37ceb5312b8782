"""What the Hub makes of a repo's files, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.derived import CONFIG, WEIGHTS, derived

CARD = """---
license: gemma
library_name: mlx
pipeline_tag: image-text-to-text
language: [en, 'no']
tags: [mlx, mixed-precision]
datasets: [org/data]
base_model: google/gemma-4-E4B-it
base_model_relation: quantized
---
See https://arxiv.org/abs/2401.12345 and https://huggingface.co/papers/2402.00001.
"""
WHOLE = {
    "cardData": {
        "license": "gemma",
        "library_name": "mlx",
        "pipeline_tag": "image-text-to-text",
        "language": ["en", "no"],
        "tags": ["mlx", "mixed-precision"],
        "datasets": ["org/data"],
        "base_model": "google/gemma-4-E4B-it",
        "base_model_relation": "quantized",
    },
    "pipeline_tag": "image-text-to-text",
    "library_name": "mlx",
    "license": "gemma",
    "config": {
        "architectures": ["Gemma4ForConditionalGeneration"],
        "model_type": "gemma4",
        "quantization_config": {"bits": 4, "group_size": 64},
        "tokenizer_config": {"eos_token": "</s>", "chat_template": "{{ messages }}"},
    },
    "safetensors": {"parameters": {"U32": 65536, "BF16": 256}, "total": 65792},
    "baseModels": {"relation": "quantized", "models": [{"id": "google/gemma-4-E4B-it"}]},
    "evalResults": [],
    "tags": [
        "mlx",
        "safetensors",
        "gemma4",
        "mixed-precision",
        "image-text-to-text",
        "conversational",
        "en",
        "no",
        "dataset:org/data",
        "arxiv:2401.12345",
        "arxiv:2402.00001",
        "base_model:google/gemma-4-E4B-it",
        "base_model:quantized:google/gemma-4-E4B-it",
        "license:gemma",
        "4-bit",
    ],
}
EMPTY: dict[str, Any] = {
    "cardData": {},
    "pipeline_tag": None,
    "library_name": None,
    "license": None,
    "config": {},
    "safetensors": None,
    "baseModels": None,
    "evalResults": [],
    "tags": [],
}


def test_a_whole_quant() -> None:
    found = derived(
        {
            "README.md": CARD,
            "config.json": CONFIG,
            "model.safetensors": WEIGHTS,
            "tokenizer_config.json": {
                "chat_template": "{{ messages }}",
                "eos_token": {"content": "</s>"},
                "bos_token": None,
            },
        }
    )
    assert found == WHOLE


def test_empty_repo_has_empty_values() -> None:
    assert derived({}) == EMPTY


@pytest.mark.parametrize(
    "card",
    [
        "---\na: [\n---\n",
        "---\nlicense: mit\nlicense: gemma\n---\n",
        "---\n- a\n---\n",
        b"\xff\xfe\x00",
        "---\n" + "[" * 400 + "\n---\n",
    ],
    ids=["syntax", "duplicate key", "list", "not UTF-8", "deep nesting"],
)
def test_unreadable_card_gives_empty_card_data(card: str | bytes) -> None:
    assert derived({"README.md": card}) == EMPTY


def test_card_stored_as_lfs_is_not_parsed() -> None:
    assert derived({"README.md": CARD}, lfs={"README.md"}) == EMPTY


def test_card_of_10_mib_is_not_parsed() -> None:
    assert derived({"README.md": CARD + " " * 10 * 1024 * 1024}) == EMPTY


def test_fields_of_the_wrong_type_give_the_empty_value() -> None:
    card = (
        "---\nlibrary_name: [mlx]\npipeline_tag: 3\ntags: {a: b}\nlanguage: 7\n"
        "base_model: {x: y}\n---\n"
    )
    found = derived({"README.md": card})
    names = ("library_name", "pipeline_tag", "baseModels", "tags")
    assert [found[name] for name in names] == [None, None, None, []]


@pytest.mark.parametrize(
    "config",
    ["{", "[]", b"\xff", "[" * 100_000, '{"model_type": "\\ud800", "architectures": 3}'],
    ids=["syntax", "list", "not UTF-8", "deep nesting", "odd values"],
)
def test_broken_config_is_ignored(config: str | bytes) -> None:
    found = derived({"config.json": config, "tokenizer_config.json": config})
    assert found["config"] in ({}, {"model_type": "?"})


def test_named_chat_templates_are_kept_and_others_dropped() -> None:
    templates = [{"name": "default", "template": "x"}, {"name": 3}, "y"]
    found = derived({"tokenizer_config.json": {"chat_template": templates}})
    assert found["config"] == {
        "tokenizer_config": {"chat_template": [{"name": "default", "template": "x"}]}
    }


def test_template_file_alone_is_shown_but_makes_no_conversational_tag() -> None:
    card = "---\npipeline_tag: text-generation\n---\n"
    found = derived({"README.md": card, "chat_template.jinja": "{{ x }}"})
    assert (found["config"], found["tags"]) == (
        {"chat_template_jinja": "{{ x }}"},
        ["text-generation"],
    )


@pytest.mark.parametrize(
    ("files", "card", "relation"),
    [
        ({}, "base_model: a/b", "finetune"),
        ({"config.json": {"quantization_config": {}}}, "base_model: a/b", "quantized"),
        ({"x.gguf": b""}, "base_model: [a/b]", "quantized"),
        ({"adapter_config.json": {}}, "base_model: a/b", "adapter"),
        ({"config.json": CONFIG}, "base_model: [a/b, c/d]", "merge"),
        ({"config.json": CONFIG}, "base_model: a/b\nbase_model_relation: finetune", "finetune"),
        ({"config.json": CONFIG}, "base_model: a/b\nbase_model_relation: quantised", "quantized"),
    ],
)
def test_relation_is_inferred_unless_the_card_names_a_known_one(
    files: dict[str, Any], card: str, relation: str
) -> None:
    found = derived({**files, "README.md": f"---\n{card}\n---\n"})
    assert found["baseModels"]["relation"] == relation
    assert f"base_model:{relation}:a/b" in found["tags"]


def test_bases_that_are_no_repo_ids_are_left_out() -> None:
    found = derived({"README.md": "---\nbase_model: [./local, a/b, My Model]\n---\n"})
    assert found["baseModels"] == {"relation": "finetune", "models": [{"id": "a/b"}]}


def test_licence_list_gives_a_tag_each() -> None:
    found = derived({"README.md": "---\nlicense: [apache-2.0, gemma]\n---\n"})
    assert (found["license"], found["tags"]) == (
        ["apache-2.0", "gemma"],
        ["license:apache-2.0", "license:gemma"],
    )


GOOD_RESULT = "- dataset: {id: cais/hle, task_id: default}\n  value: 20.9\n  date: 2026-01-01\n"


def test_results_are_read_file_by_file() -> None:
    found = derived(
        {
            ".eval_results/b.yaml": "- [",
            ".eval_results/a.yaml": GOOD_RESULT,
            ".eval_results/notes.txt": "- [",
            ".eval_results/deeper/c.yaml": "- [",
            "eval.yaml": "- [",
        }
    )
    dataset = {"id": "cais/hle", "task_id": "default"}
    assert found["evalResults"] == [
        {
            "filename": ".eval_results/a.yaml",
            "data": {"dataset": dataset, "value": 20.9, "date": "2026-01-01"},
        },
        {
            "filename": ".eval_results/b.yaml",
            "error": "expected the node content, but found '<stream end>' (1:4)",
        },
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: b", '"value" must be an array'),
        ("[1]", '"[0]" must be of type object'),
        (
            "- {dataset: {task_id: d}, value: 1}",
            '"[0].dataset.id" must be a dataset id',
        ),
        ("- {dataset: {id: a/b}, value: 1}", '"[0].dataset.task_id" is required'),
        ("- {dataset: {id: a/b, task_id: d}, value: '1'}", '"[0].value" must be a number'),
        ("- {dataset: {id: a/b, task_id: d}, value: true}", '"[0].value" must be a number'),
        (
            "- {dataset: {id: a/b, task_id: d}, value: 1, source: {name: x}}",
            '"[0].source.url" is required',
        ),
        (
            "- {dataset: {id: a/b, task_id: d}, value: 1, notes: [x]}",
            '"[0].notes" must be a string',
        ),
    ],
)
def test_bad_result_is_told_with_its_file(text: str, error: str) -> None:
    found = derived({".eval_results/a.yaml": text})
    assert found["evalResults"] == [{"filename": ".eval_results/a.yaml", "error": error}]
