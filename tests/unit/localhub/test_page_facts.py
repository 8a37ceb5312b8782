"""The figures and sentences of a repo's page."""

from __future__ import annotations

import pytest

from hubtool.localhub.page import changed_files
from hubtool.localhub.page_facts import licence_text, parameter_count, shown_tags, usage
from hubtool.localhub.trees import Entry, regular


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 params"),
        (999, "999 params"),
        (65_792, "66K params"),
        (134_515_008, "135M params"),
        (7_615_616_512, "7.6B params"),
        (314_800_000_000, "315B params"),
        (1_040_000_000_000, "1.0T params"),
    ],
)
def test_parameter_chip(count: int, text: str) -> None:
    assert parameter_count(count) == text


@pytest.mark.parametrize(
    ("library", "task", "tags", "snippet"),
    [
        ("mlx", "image-text-to-text", ["mlx"], "mlx-vlm"),
        ("mlx", "text-generation", ["mlx", "conversational"], "mlx-lm, chat"),
        ("mlx", "text-generation", ["mlx"], "mlx-lm"),
        ("mlx", "any-to-any", ["mlx", "conversational"], "download only"),
        ("mlx", None, [], "download only"),
        (None, "text-generation", ["mlx"], "download only"),
        ("transformers", "text-generation", [], None),
    ],
)
def test_snippet_follows_library_task_and_tag(
    library: str | None, task: str | None, tags: list[str], snippet: str | None
) -> None:
    derived = {"library_name": library, "pipeline_tag": task, "tags": tags}
    assert usage("org/m", derived)[0] == snippet


def test_header_tags_leave_out_what_stands_elsewhere() -> None:
    derived = {
        "library_name": "mlx",
        "pipeline_tag": "text-generation",
        "tags": ["mlx", "safetensors", "text-generation", "base_model:a/b", "license:mit", "en"],
    }
    assert shown_tags(derived) == ["safetensors", "en"]


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ({}, "not specified"),
        ({"license": "mit"}, "mit"),
        ({"license": ["mit", "gemma"]}, "mit, gemma"),
        ({"license": "other", "license_name": "qwen"}, "qwen"),
        ({"license": "other"}, "other"),
    ],
)
def test_licence_of_the_header(card: dict[str, object], text: str) -> None:
    assert licence_text(card) == text


def entry(path: str, content: bytes) -> Entry:
    return regular(path, "0" * 64, content)


def test_changed_files_name_what_happened_and_both_sizes() -> None:
    before = {path: entry(path, b"one") for path in ("kept", "edited", "gone")}
    after = {"kept": before["kept"], "edited": entry("edited", b"longer"), "new": entry("new", b"")}
    assert changed_files(before, after) == [
        {"path": "edited", "change": "changed", "before_bytes": 3, "after_bytes": 6},
        {"path": "gone", "change": "removed", "before_bytes": 3, "after_bytes": None},
        {"path": "new", "change": "added", "before_bytes": None, "after_bytes": 0},
    ]
