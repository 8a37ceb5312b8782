"""The preview in a real browser: how it looks, what it refuses to run, and that it reloads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtool.preview.folder import FolderSource
from tests.support.chromium import PROGRAM, Chromium
from tests.support.previews import HOSTILE, own_template, previewed
from tests.support.sound_quant import write, write_sound_quant

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium or Chrome on this machine")

WIDTHS = (360, 1280)
WIDE_CARD = f"""---
license: mit
tags: [{"long-tag-" * 12}]
base_model: acme/{"base-" * 14}x
---
# {"Unbreakable" * 8}

![banner](assets/bits.svg)

{"https://example.com/" + "path" * 40}

| {" | ".join(f"Column number {number}" for number in range(12))} |
|{" --- |" * 12}
| {" | ".join(["`some_long_code_value`"] * 12)} |

`{"inline_code_" * 20}`

```
{"a long line of code " * 20}
```
"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
# what reaches over the edge of the window without scrolling within itself
OVERFLOWING = """[...document.querySelectorAll("body *")].filter(element =>
  element.getBoundingClientRect().right > innerWidth + 1 && !element.closest("table, pre")
).map(element => element.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    folder = tmp_path / "quant"
    write_sound_quant(folder)
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="2400" height="300"/>'
    write("assets/bits.svg", picture)(folder)
    return folder


@pytest.mark.parametrize("card", ["rendered", "wide"])
def test_nothing_scrolls_sideways_and_dark_differs_from_light(
    browser: Chromium, quant: Path, card: str
) -> None:
    if card == "wide":
        write("README.md", WIDE_CARD)(quant)
    with previewed(FolderSource(quant, as_is=card == "wide")) as running:
        for width in WIDTHS:
            seen = []
            for dark in (False, True):
                browser.look(width=width, dark=dark)
                browser.visit(running.url)
                assert browser.evaluate("innerWidth") == width
                assert browser.evaluate("document.documentElement.scrollWidth") <= width
                assert browser.evaluate(OVERFLOWING) == []
                picture = browser.screenshot(quant.parent / f"{width}-{dark}.png")
                seen.append((browser.evaluate(BACKGROUND), picture))
            (light, light_picture), (dark_, dark_picture) = seen
            assert (light, dark_) == ("rgb(255, 255, 255)", "rgb(16, 20, 24)")
            assert light_picture != dark_picture


def test_wide_tables_and_code_scroll_within_themselves(browser: Chromium, quant: Path) -> None:
    write("README.md", WIDE_CARD)(quant)
    with previewed(FolderSource(quant, as_is=True)) as running:
        browser.look(width=360)
        browser.visit(running.url)
        for name in (".card table", ".card pre"):
            box = f'document.querySelector("{name}")'
            assert browser.evaluate(f"{box}.scrollWidth > {box}.clientWidth"), name
            assert browser.evaluate(f"getComputedStyle({box}).overflowX") == "auto", name
        assert browser.evaluate('document.querySelector(".card img").naturalWidth') == 2400


def test_a_hostile_card_runs_nothing_and_asks_nobody(browser: Chromium, quant: Path) -> None:
    write("README.md", HOSTILE)(quant)
    with previewed(FolderSource(quant, as_is=True)) as running:
        browser.look(width=1280)
        browser.visit(running.url)
        protocols = browser.evaluate("[...document.links].map(link => link.protocol)")
        assert set(protocols) == {"http:", "https:"}
        browser.evaluate(
            'document.querySelectorAll(".card *:not(a, .zoom *)").forEach(element => element.click?.())'
        )
        browser.wait_until('document.readyState === "complete"')
        assert browser.evaluate("typeof window.hacked") == "undefined"
        assert browser.evaluate("location.href") == f"{running.url}/"
        assert browser.evaluate('document.querySelector(".card").innerText').startswith("Hostile")
        asked = [
            message["params"]["request"]["url"]
            for message in browser.messages
            if message["method"] == "Network.requestWillBeSent"
        ]
    assert {url for url in asked if not url.startswith(running.url)} == set()
    assert asked


def test_even_unsanitized_markup_could_run_no_script(browser: Chromium, quant: Path) -> None:
    with previewed(FolderSource(quant)) as running:
        browser.visit(running.url)
        # what a hole in the sanitizer would let through: the policy of the page stops it
        browser.evaluate(
            """(() => {
              const card = document.querySelector(".card");
              card.innerHTML = '<img src="x" onerror="window.hacked = 1"><a href="javascript:window.hacked = 2">x</a>';
              card.querySelector("a").click();
              const script = document.createElement("script");
              script.textContent = "window.hacked = 3";
              card.append(script);
            })()"""
        )
        browser.wait_until('document.querySelector(".card img").complete')
        assert browser.evaluate("typeof window.hacked") == "undefined"


def test_a_saved_template_changes_the_page_and_a_mistake_in_it_too(
    browser: Chromium, quant: Path, tmp_path: Path
) -> None:
    template = own_template(tmp_path / "own")
    block = template.parent / "blocks" / "intro.md.j2"
    good = block.read_text()
    heading = 'document.querySelector("article h1, article h2").innerText'
    with previewed(FolderSource(quant, str(template), "plain")) as running:
        browser.visit(running.url)
        for content, wanted in (
            ("## Live at last\n", '=== "Live at last"'),
            ("{{ facts.absent }}\n", '=== "The card cannot be shown"'),
            (good, '=== "gemma-4-e4b-it-qat-OptiQ-4bit"'),
        ):
            block.write_text(content)
            browser.wait_until(f"document.querySelector('article') && {heading} {wanted}")


def test_a_fact_that_changes_is_shown(browser: Chromium, quant: Path) -> None:
    with previewed(FolderSource(quant, "plain", "plain")) as running:
        browser.visit(running.url)
        provenance = quant / "optiq" / "release.json"
        provenance.write_text(provenance.read_text().replace("acme/base", "acme/other"))
        browser.wait_until("document.querySelector('aside')?.innerText.includes('acme/other')")
