"""The page of a recard plan in a browser: it finds, sifts and opens, and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtool.recard.change import Change, FileChange, Kind, RepoPlan
from hubtool.recard.page import DiffPage
from hubtool.recard.planfile import new_header
from hubtool.recard.select import Skipped
from tests.support.chromium import PROGRAM, Chromium

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here")


def plan_of(repo: str, kind: Kind, what: str) -> RepoPlan:
    long_line = "word " * 80 + "x" * 300
    file = FileChange("README.md", f"{long_line}\nold\n", f"{long_line}\nnew\n")
    return RepoPlan(repo, "a" * 40, "hubtool", (Change(kind, what),), (file,))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    page = tmp_path / "plan.html"
    with DiffPage(page, new_header("http://127.0.0.1:9", "Cards", {"org": "lab"})) as writer:
        writer.add(plan_of("lab/gemma", "block", "usage: changed"))
        writer.add(plan_of("lab/llama", "metadata", "tags: + 4-bit"))
        writer.add(plan_of("lab/phi", "licence", "license: mit -> gemma"))
        writer.add(Skipped("x/y", "theirs", "not ours"))
    with Chromium(tmp_path / "profile") as chromium:
        chromium.look(width=380)
        chromium.visit(page.as_uri())
        yield chromium


def test_the_page_finds_sifts_and_opens_and_loads_nothing(browser: Chromium) -> None:
    def shown() -> list[str]:
        found: list[str] = browser.evaluate(
            "repos.filter(one => !one.hidden).map(one => one.querySelector('b').textContent)"
        )
        return found

    def type_in(text: str) -> None:
        browser.evaluate(f"find.value = {text!r}; find.dispatchEvent(new Event('input'))")

    def press(label: str) -> None:
        buttons = "[...document.querySelectorAll('button')]"
        browser.evaluate(f"{buttons}.find(one => one.textContent.startsWith({label!r})).click()")

    assert shown() == ["lab/phi", "lab/gemma", "lab/llama"]
    type_in("4-BIT")
    assert shown() == ["lab/llama"]
    assert browser.evaluate("shown.textContent") == "1 of 3 that change"
    assert browser.evaluate("document.querySelector('.left').hidden") is True
    type_in("")
    press("licence")
    assert shown() == ["lab/phi"]
    press("Open all")
    assert browser.evaluate("repos.map(one => one.open)") == [True, False, False]
    press("licence")
    assert len(shown()) == 3
    assert browser.evaluate("document.documentElement.scrollWidth") <= 380, "a telephone"
    requested = [
        one["params"]["request"]["url"]
        for one in browser.messages
        if one["method"] == "Network.requestWillBeSent"
    ]
    assert [url.rsplit("/", 1)[-1] for url in requested] == ["plan.html"]
    assert not [one for one in browser.messages if one["method"] == "Runtime.exceptionThrown"]
