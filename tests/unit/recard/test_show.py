"""A plan for people: words, diffs, and the page in the order in which it must be read."""

from __future__ import annotations

import html
import re
from pathlib import Path

from hubtool.recard.change import Change, FileChange, RepoPlan
from hubtool.recard.describe import changes_of
from hubtool.recard.page import DiffPage
from hubtool.recard.planfile import new_header
from hubtool.recard.select import Skipped
from hubtool.recard.show import counts, diff_of, line_of, notes_of, summary_of

CARD = "---\nlicense: mit\ntags:\n- mlx\n---\n# A\n"
NEW = "---\nlicense: apache-2.0\ntags:\n- mlx\n- 4-bit\nbase_model: a/b\n---\n# B <i>\n"


def a_plan(repo: str, *changes: Change, after: str = NEW, before: str | None = CARD) -> RepoPlan:
    file = FileChange("README.md", before, after, existed=before is not None)
    return RepoPlan(repo, "a" * 40, "hubtool", changes, (file,), ("mind <this>",))


def test_changes_are_told_by_key_and_licences_first() -> None:
    picture = FileChange("assets/x.png", None, "", binary=True, existed=False)
    found = changes_of(CARD, NEW, (), (picture,))
    assert [f"{one.kind}: {one.what}" for one in found] == [
        "licence: license: mit -> apache-2.0",
        "metadata: tags: + 4-bit",
        "metadata: base_model: none -> a/b",
        "file: assets/x.png: new",
    ]


def test_blocks_are_told_as_new_changed_gone_or_taken_over() -> None:
    def block(name: str, text: str) -> str:
        return (
            f"<!-- hubtool:begin {name} 0123456789abcdef -->\n{text}\n<!-- hubtool:end {name} -->\n"
        )

    before = block("usage", "a") + block("make", "m") + block("intro", "i")
    after = block("intro", "i") + block("usage", "b") + block("details", "d") + block("banner", "x")
    found = changes_of(before, after, ("banner",), ())
    assert {one.what: one.kind for one in found} == {
        "usage: changed": "block",
        "details: new": "block",
        "make: removed": "block",
        "banner: takes over what a generator wrote": "adoption",
    }


def test_one_line_and_what_must_be_heeded() -> None:
    licence, block = Change("licence", "license: mit -> gemma"), Change("block", "x: new")
    plan = a_plan("lab/a", licence, block, block)
    assert counts(plan) == "1 licence, 2 block, 1 to heed"
    assert line_of(plan) == "  change    lab/a: 1 licence, 2 block, 1 to heed"
    assert notes_of(plan) == ("licence: license: mit -> gemma", "mind <this>")
    assert line_of(Skipped("x/y", "theirs", "not ours")) == "  not ours  x/y: theirs"
    summary = summary_of(plan)
    assert (summary["result"], summary["files"]) == ("change", ["README.md"])
    assert "before" not in str(summary)


def test_a_diff_shows_line_ends_and_marks_and_a_new_file_as_only_added() -> None:
    text = diff_of(a_plan("lab/a", before="\ufeffx\r\ny\n", after="x\ny\n"))
    assert "-[BOM]x␍" in text
    assert "+x" in text
    lines = diff_of(a_plan("lab/a", before=None, after="x\n")).splitlines()
    assert lines[0] == "--- (none)"
    assert not [line for line in lines[2:] if line.startswith("-")]


def test_the_page_has_licences_first_and_every_repo_once(tmp_path: Path) -> None:
    path = tmp_path / "plan.html"
    header = new_header("http://hub", "Cards & more", {"org": "lab"})
    with DiffPage(path, header) as page:
        page.add(Skipped("x/y", "theirs <b>", "not ours"))
        page.add(a_plan("lab/plain", Change("block", "x: new")))
        page.add(RepoPlan("lab/right", "b" * 40, "hubtool", (), ()))
        page.add(a_plan("lab/legal", Change("licence", "license: mit -> gemma")))
        page.add(Skipped("lab/bad", "broken"))
        assert not path.exists()
    text = path.read_text()
    places = [text.index(f">{repo}</") for repo in ("lab/legal", "lab/plain", "lab/bad", "x/y")]
    assert places == sorted(places)
    assert re.findall(r"<b>(\d+)</b> ([a-z ]+)</a>", text) == [
        ("1", "licences change"),
        ("1", "cards change"),
        ("1", "skipped"),
        ("1", "not ours"),
        ("1", "right already"),
    ]
    assert text.count("<details class=repo") == 2
    assert "<ins>+# B &lt;i&gt;</ins>" in text
    assert "theirs &lt;b&gt;" in text
    assert html.escape("mind <this>") in text
    assert "Cards &amp; more" in text
    assert not re.findall(r"""(?:src|href)=["'](?!http://hub/|#)""", text), "it loads nothing"
    assert [file.name for file in tmp_path.iterdir()] == ["plan.html"]


def test_a_page_whose_plan_failed_is_not_left_behind(tmp_path: Path) -> None:
    page = DiffPage(tmp_path / "plan.html", new_header("http://hub", "Cards", {}))
    page.__enter__()
    page.add(a_plan("lab/a"))
    page.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [*tmp_path.iterdir()] == []
