"""A card's body as safe HTML: GitHub-flavoured Markdown, sanitized, no request to the outside."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from markdown_it import MarkdownIt

_TAGS = set(
    """
    a abbr b blockquote br caption center code dd del details div dl dt em figcaption figure
    h1 h2 h3 h4 h5 h6 hr i img input ins kbd li mark ol p picture pre q s samp section small
    source span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul var
    """.split()  # noqa: SIM905 - a list of words reads better than 60 quoted ones
)
_ATTRIBUTES = {
    "*": {"align", "id", "title"},
    "a": {"href", "class"},
    "code": {"class"},
    "details": {"open"},
    "div": {"class"},
    "h1": {"align"},
    "img": {"alt", "height", "src", "width"},
    "input": {"checked", "disabled", "type"},
    "li": {"class"},
    "ol": {"class", "start"},
    "p": {"class"},
    "section": {"class"},
    "source": {"media", "srcset"},
    "sup": {"class"},
    "table": {"width"},
    "td": {"colspan", "rowspan", "style", "valign", "width"},
    "th": {"colspan", "rowspan", "style", "valign", "width"},
    "ul": {"class"},
}
_CLASSES = re.compile(
    r"(?:language-[\w+-]+|markdown-alert(?:-\w+)?|footnote[\w-]*|contains-task-list|task-list-item)"
)
_INSIDE_TAG = r'(?:[^>"]|"[^"]*")*>'
_LINK_OR_IMAGE = re.compile(rf"</?(?:a|picture)\b{_INSIDE_TAG}|(?P<image><img\b{_INSIDE_TAG})")
_SOURCE = re.compile(r'\ssrc="([^"]*)"')


def card_html(body: str, repo_page: str, revision: str) -> str:
    """The body of a card as HTML that is safe to place into a page.

    Relative addresses are files of the repo at ``revision``. Images from
    elsewhere lose their source, so that only their alt text shows; the others
    lead to themselves, in their full size.
    """
    import nh3

    files = f"{repo_page}/resolve/{quote(revision, safe='')}"
    clean = nh3.clean(
        _markdown().render(body),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute_filter(files),
        filter_style_properties={"text-align"},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return _with_enlargeable_images(clean)


def _with_enlargeable_images(clean: str) -> str:
    """Sanitized HTML whose images are links to their files, where they are no link already."""
    inside = 0  # links and pictures that are open

    def linked(tag: re.Match[str]) -> str:
        nonlocal inside
        if tag["image"] is None:
            inside += -1 if tag[0].startswith("</") else 1
            return tag[0]
        source = _SOURCE.search(tag[0])
        return (
            f'<a class="zoom" href="{source[1]}">{tag[0]}</a>' if source and not inside else tag[0]
        )

    return _LINK_OR_IMAGE.sub(linked, clean)


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.anchors import anchors_plugin
    from mdit_py_plugins.gfm import gfm_plugin

    return MarkdownIt("commonmark").use(gfm_plugin).use(anchors_plugin, max_level=4)


def _attribute_filter(files: str) -> Callable[[str, str, str], str | None]:
    def kept(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "href":
            return _address(value, files)
        if (tag, attribute) in (("img", "src"), ("source", "srcset")):
            address = _address(value, files)
            return address if address.startswith(files + "/") else None
        if attribute == "class":
            return " ".join(name for name in value.split() if _CLASSES.fullmatch(name)) or None
        if (tag, attribute) == ("input", "type"):
            return value if value == "checkbox" else "hidden"
        return value

    return kept


def _address(value: str, files: str) -> str:
    """An address as it stands in the card: relative ones become files of the repo."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return "#"
    if parts.scheme or parts.netloc or not parts.path or value.startswith(("/", "#")):
        return value
    return f"{files}/{value.removeprefix('./')}"
