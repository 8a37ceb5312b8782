"""What is a secret, and what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.checks import secrets
from hubtool.checks.interface import CheckSubject


def test_the_value_of_hf_token_is_found_whatever_it_looks_like(
    quant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "canary")
    (quant / "tokenizer.json").write_text("a vocabulary may know the word canary")
    assert [one.result for one in secrets.check(CheckSubject(quant))] == ["pass", "pass"]
    (quant / "notes.md").write_text("my canary")
    found = {one.id: (one.result, one.subject) for one in secrets.check(CheckSubject(quant))}
    assert found["secrets/token"] == ("fail", "notes.md")


def test_an_address_or_a_closing_tag_is_no_path_of_this_machine(
    quant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/root")
    text = "see https://hub.example/root/models, <root></root>, ../root/x and /root itself"
    (quant / "notes.md").write_text(text)
    assert [one.result for one in secrets.check(CheckSubject(quant))] == ["pass", "pass"]
    (quant / "notes.md").write_text("from /root/models")
    found = {one.id: (one.result, one.subject) for one in secrets.check(CheckSubject(quant))}
    assert found["secrets/paths"] == ("fail", "notes.md")
