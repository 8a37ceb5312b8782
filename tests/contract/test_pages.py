"""The pages of the local Hub, as a browser asks for them."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from hubtool.localhub.server import RunningHub, start_local_hub

QUANT = "pages/m-OptiQ-4bit"
CARD = """---
license: other
license_name: <b>mine</b>
license_link: LICENSE
library_name: mlx
pipeline_tag: text-generation
tags: [mlx]
base_model: pages/m
base_model_relation: quantized
---
# Hello

![bits](assets/bits.png)
"""
OTHER = "---\nlicense: mit\nbase_model: pages/m\nbase_model_relation: quantized\n---\n"


class _Loads(HTMLParser):
    """Collects what a browser would load and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("img", "script", "link", "iframe", "source"):
            self.loaded.append(values.get("src") or values.get("href") or "")
        if tag == "a":
            self.links.append(values.get("href") or "")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder = tmp_path_factory.mktemp("folder")
    (folder / "assets").mkdir()
    (folder / "assets" / "bits.png").write_bytes(b"\x89PNG\x00")
    with start_local_hub(tmp_path_factory.mktemp("hub")) as running:
        _seed(running, "pages/m", folder, "---\nlicense: mit\n---\n")
        _seed(running, QUANT, folder, CARD)
        _seed(running, "pages/m-8bit", folder, OTHER)
        _seed(running, "pages/refused", folder, "---\nlicense: mine\n---\n")
        running.store.create_repo("pages/secret", private=True)
        HfApi(running.url, token=running.token).create_commit(
            QUANT,
            [CommitOperationAdd("scores.json", b"{}")],
            commit_message="Add scores",
            commit_description="From <i>two</i> runs.",
            create_pr=True,
        )
        yield running


def _seed(hub: RunningHub, repo: str, folder: Path, card: str) -> None:
    (folder / "README.md").write_text(card)
    hub.store.seed_repo(repo, folder)


def get(hub: RunningHub, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(hub.url + path) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def text_of(html: str) -> str:
    visible = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", visible)


def pages(hub: RunningHub) -> list[str]:
    head = hub.store.head(QUANT)
    under = [f"/{QUANT}{path}" for path in ("", "/tree/main", f"/commit/{head}", "/commits/main")]
    return ["/", *under, f"/{QUANT}/discussions/1"]


def test_pages_load_nothing_from_elsewhere_and_run_nothing(hub: RunningHub) -> None:
    for path in pages(hub):
        status, html = get(hub, path)
        found = _Loads()
        found.feed(html)
        assert status == 200
        assert found.loaded in ([], [f"/{QUANT}/resolve/main/assets/bits.png"])


def test_every_link_of_a_page_leads_somewhere(hub: RunningHub) -> None:
    links: set[str] = set()
    for path in pages(hub):
        found = _Loads()
        found.feed(get(hub, path)[1])
        links |= {link for link in found.links + found.loaded if link.startswith("/")}
    links.discard(f"/{QUANT}/resolve/main/LICENSE")  # the card's own dangling link
    statuses = {link: get(hub, link)[0] for link in links}
    assert {link for link, status in statuses.items() if status != 200} == set()


def test_repo_page_shows_the_place_in_the_model_tree(hub: RunningHub) -> None:
    quant, base = (text_of(get(hub, f"/{repo}")[1]) for repo in (QUANT, "pages/m"))
    assert "Base, of which this is a quantization pages/m Other quantizations of it" in quant
    assert "on this hub pages/m-8bit" in quant
    assert f"Quantizations of this model on this hub {QUANT} pages/m-8bit" in base


def test_pull_request_page_shows_what_it_would_change(hub: RunningHub) -> None:
    html = get(hub, f"/{QUANT}/discussions/1")[1]
    assert "1 file changed against main" in text_of(html)
    assert f'href="/{QUANT}/resolve/refs%2Fpr%2F1/scores.json"' in html
    assert "From &lt;i&gt;two&lt;/i&gt; runs." in html


def test_text_of_a_card_cannot_become_markup(hub: RunningHub) -> None:
    html = get(hub, f"/{QUANT}")[1]
    assert "<b>mine</b>" not in html
    assert "&lt;b&gt;mine&lt;/b&gt;" in html


def test_card_that_the_hub_would_refuse_says_so(hub: RunningHub) -> None:
    assert 'The Hub says: "license" must be one of [apache-2.0,' in (
        text_of(get(hub, "/pages/refused")[1]).replace("&#34;", '"')
    )


@pytest.mark.parametrize(
    "path", ["/pages/absent", "/pages/secret", f"/{QUANT}/tree/no-such", f"/{QUANT}/discussions/9"]
)
def test_page_that_cannot_be_shown_is_a_page_with_status_404(hub: RunningHub, path: str) -> None:
    status, html = get(hub, path)
    assert (status, "Not here" in text_of(html)) == (404, True)


def test_private_repo_is_not_listed(hub: RunningHub) -> None:
    assert "pages/secret" not in get(hub, "/")[1]


@pytest.mark.parametrize("path", ["/api/nothing", "/settings/tokens", "/datasets/x"])
def test_pages_do_not_shadow_the_hubs_other_names(hub: RunningHub, path: str) -> None:
    status, body = get(hub, path)
    assert (status, body.startswith("{")) == (404, True)
