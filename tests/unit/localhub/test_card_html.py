"""A card as HTML: what is rendered, what is taken out, where addresses lead."""

from __future__ import annotations

import pytest

from hubtool.localhub.card_html import card_html

FILES = "/org/m/resolve/main"


BITS = 'alt="bits"'


def enlargeable(file: str, attributes: str) -> str:
    """The image as a link to its file."""
    image = f'<img src="{FILES}/{file}" {attributes}>'
    return f'<a class="zoom" href="{FILES}/{file}">{image}</a>'


def html(body: str, revision: str = "main") -> str:
    return card_html(body, "/org/m", revision).strip()


def test_table_keeps_its_alignment() -> None:
    assert html("| a | b |\n|---|--:|\n| 1 | 2 |\n") == (
        '<table>\n<thead>\n<tr>\n<th>a</th>\n<th style="text-align:right">b</th>\n</tr>\n</thead>\n'
        '<tbody>\n<tr>\n<td>1</td>\n<td style="text-align:right">2</td>\n</tr>\n</tbody>\n</table>'
    )


def test_headings_have_anchors_and_code_its_language() -> None:
    assert html("## How to use\n\n```python\nx < 1\n```\n") == (
        '<h2 id="how-to-use">How to use</h2>\n'
        '<pre><code class="language-python">x &lt; 1\n</code></pre>'
    )


def test_alert_is_marked_as_one() -> None:
    assert html("> [!WARNING]\n> Careful.\n") == (
        '<div class="markdown-alert markdown-alert-warning">\n'
        '<p class="markdown-alert-title">Warning</p>\n<p>Careful.</p>\n</div>'
    )


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("![bits](assets/b.png)", f"<p>{enlargeable('assets/b.png', BITS)}</p>"),
        ("![bits](./b.png)", f"<p>{enlargeable('b.png', BITS)}</p>"),
        ('<img src="b.png" width="50%">', enlargeable("b.png", 'width="50%"')),
        ("![far](https://example.org/b.png)", '<p><img alt="far"></p>'),
        ("![data](data:image/png;base64,AAAA)", '<p><img alt="data"></p>'),
        ("![other](/other/repo/resolve/main/b.png)", '<p><img alt="other"></p>'),
    ],
    ids=["relative", "dot", "html", "elsewhere", "data", "absolute path"],
)
def test_only_the_repos_own_images_are_loaded(source: str, result: str) -> None:
    assert html(source) == result


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("LICENSE", f"{FILES}/LICENSE"),
        ("docs/a.md#b", f"{FILES}/docs/a.md#b"),
        ("#usage", "#usage"),
        ("/google/gemma", "/google/gemma"),
        ("https://example.org/x", "https://example.org/x"),
    ],
)
def test_link(target: str, address: str) -> None:
    assert html(f"[a]({target})") == (
        f'<p><a href="{address}" rel="noopener noreferrer nofollow">a</a></p>'
    )


def test_revision_is_part_of_the_address() -> None:
    assert '<img src="/org/m/resolve/refs%2Fpr%2F1/b.png" alt="a">' in html(
        "![a](b.png)", "refs/pr/1"
    )


@pytest.mark.parametrize(
    "source",
    [
        "[![a](b.png)](https://example.org)",
        '<picture><source srcset="dark.png"><img src="b.png" alt="a > b"></picture>',
    ],
)
def test_an_image_that_is_a_link_or_a_choice_already_stays_one(source: str) -> None:
    assert "zoom" not in html(source)
    assert html(f"{source}\n\n![a](b.png)").count('class="zoom"') == 1


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<style>body{display:none}</style>",
        "<iframe src='https://example.org'></iframe>",
        "<!-- note -->",
        "<form action='https://example.org'></form>",
        "<link rel=stylesheet href=x>",
    ],
)
def test_what_runs_or_restyles_the_page_is_taken_out(hostile: str) -> None:
    assert html(hostile) == ""


def test_handlers_styles_and_foreign_classes_are_taken_out() -> None:
    source = (
        '<p onclick="x()" style="position:fixed" class="bar">a</p><a href="javascript:x()">b</a>'
    )
    assert html(source) == '<p>a</p><a rel="noopener noreferrer nofollow">b</a>'
