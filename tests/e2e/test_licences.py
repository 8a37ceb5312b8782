"""Licences from end to end: words asked for, texts and notices copied, contradictions shown."""

from __future__ import annotations

import shutil
from pathlib import Path

from hubtool.localhub.server import RunningHub
from tests.e2e.test_bad_input import release, write_card

ACCEPTED = ("--accept-licence", "llama3.1")
NAMED = (*ACCEPTED, "--name", "Llama-tiny-4bit")
AGREEMENT = (
    'You must keep a "Notice" text file in every copy that reads: "Tiny is licensed under the '
    'Tiny 3.1 Community License, Copyright (c) Tiny Lab." and name yours after it.\n'
)


def test_a_licence_with_a_name_rule_and_a_notice(
    tiny_hub: RunningHub, tiny_llama: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(tiny_llama, folder)
    write_card(folder, "llama3.1")
    (folder / "LICENSE").unlink()
    tiny_hub.store.seed_repo("acme/tiny", folder)
    unread = release("acme/tiny", tiny_hub, tmp_path)
    assert unread.returncode == 3, unread.stderr
    assert "--accept-licence llama3.1" in unread.stderr
    unnamed = release("acme/tiny", tiny_hub, tmp_path, *ACCEPTED)
    assert unnamed.returncode == 3, unnamed.stderr
    assert "to start with Llama" in unnamed.stderr
    without = release("acme/tiny", tiny_hub, tmp_path, *NAMED)
    assert without.returncode == 3, without.stderr
    assert "--notice FILE" in without.stderr
    (folder / "LICENSE").write_text(AGREEMENT)
    tiny_hub.store.seed_repo("acme/tiny", folder, replace=True)
    done = release("acme/tiny", tiny_hub, tmp_path, *NAMED)
    assert done.returncode == 0, done.stderr
    notice = tiny_hub.store.read("me/Llama-tiny-4bit", "main", "Notice").decode()
    assert notice.startswith("Tiny is licensed under the Tiny 3.1 Community License")
    assert "\n\nChanged by me: the weights of 16 components were rounded" in notice
    card = tiny_hub.store.read("me/Llama-tiny-4bit", "main", "README.md").decode()
    assert "**Built with Llama. Use is bound by the acceptable use policy" in card


def test_a_chain_a_contradiction_and_a_gate(
    tiny_hub: RunningHub, tiny_llama: Path, tmp_path: Path
) -> None:
    """An Apache fine-tune of a Llama 3.1 base whose LICENSE file is another one."""
    parent, child = tmp_path / "parent", tmp_path / "child"
    for folder in (parent, child):
        shutil.copytree(tiny_llama, folder)
    write_card(parent, "llama3.1")
    (parent / "LICENSE").write_text("TINY LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\n" + AGREEMENT)
    write_card(child, "apache-2.0\nbase_model: meta/tiny")
    (child / "LICENSE").write_text("MIT License\n\nCopyright (c) Tiny Lab\n")
    tiny_hub.store.seed_repo("meta/tiny", parent)
    tiny_hub.store.seed_repo("acme/tiny", child)
    stopped = release("acme/tiny", tiny_hub, tmp_path, *NAMED)
    assert stopped.returncode == 3, stopped.stderr
    assert "declares apache-2.0, its licence text is mit" in stopped.stderr
    chosen = (*NAMED, "--accept-licence", "apache-2.0", "--gate", "manual")
    done = release("acme/tiny", tiny_hub, tmp_path, *chosen)
    assert done.returncode == 0, done.stderr

    def read(path: str) -> str:
        return tiny_hub.store.read("me/Llama-tiny-4bit", "main", path).decode()

    assert read("LICENSE").startswith("MIT License")
    assert "TINY LLAMA 3.1 COMMUNITY" in read("licences/meta--tiny/LICENSE")
    assert read("Notice").startswith("Tiny is licensed under the Tiny 3.1 Community License")
    card = read("README.md")
    assert "license: apache-2.0\n" in card
    assert "The base builds on meta/tiny, which declares llama3.1" in card
    assert "licences/meta--tiny/LICENSE" in card
    assert "its licence text is mit; published as apache-2.0." in card
    assert tiny_hub.store.repos.get("me/Llama-tiny-4bit").gated == "manual"
