"""``hubtool template`` as someone who wants other words on their cards uses it."""

from __future__ import annotations

import json
from pathlib import Path

from hubtool.card.examples import EXAMPLES
from tests.support.release import environment, hubtool


def test_templates_are_copied_changed_and_tried(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")

    def template(*arguments: str) -> tuple[int, str, str]:
        done = hubtool("template", *arguments, cwd=tmp_path, env=env)
        return done.returncode, done.stdout, done.stderr

    assert "template optiq: banner, intro" in template("list")[1]
    assert template("init", "own")[0] == 0
    code, _, said = template("init", "own")
    assert code == 2
    assert "is there already" in said
    assert template("check", "own")[0] == 0

    block = tmp_path / "own/blocks/intro.md.j2"
    block.write_text(block.read_text() + "\nMade by {{ facts.maker }}, 9.9x faster.\n")
    code, text, _ = template("check", "own/plain.md.j2", "--json", "--out", "pages")
    assert code == 1
    first = json.loads(text)[0]
    assert first["pages"] == []
    assert any("there is no facts.maker" in one for one in first["problems"])
    assert any("9.9 stands in the text" in one for one in first["problems"])

    block.write_text(block.read_text().replace("{{ facts.maker }}, 9.9x faster", "Noor"))
    assert template("check", "own/plain.md.j2", "--out", "pages")[0] == 0
    pages = list((tmp_path / "pages/plain/optiq").iterdir())
    assert {page.stem for page in pages} == set(EXAMPLES)
    assert all("Made by Noor." in page.read_text() for page in pages)
