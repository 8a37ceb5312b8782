"""One HTML page with every diff of a plan: what changes by licence first, then all the rest.

Sections are written as the plan is made, each kind to a file of its own beside the page;
the page takes its place at the end, when its totals are known. It loads nothing from anywhere.
"""

from __future__ import annotations

import datetime
import html
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self, TextIO

from hubtool.card.compose import CARD_FILE
from hubtool.recard.change import FileChange, RepoPlan
from hubtool.recard.page_parts import FOOT, HEAD
from hubtool.recard.planfile import PlanHeader
from hubtool.recard.select import Skipped
from hubtool.recard.show import diff_lines

Kind = Literal["licence", "change", "skipped", "not ours", "right"]

# in the order of the page: kind -> (heading, what it means)
SECTIONS: dict[Kind, tuple[str, str]] = {
    "licence": ("Licences change", "look at these first: the bases declare another licence"),
    "change": ("Cards change", "one commit each; open one to see it line by line"),
    "skipped": ("Skipped", "left as they are, because something there must be mended first"),
    "not ours": ("Not ours", "left as they are: no metadata says that we made them"),
    "right": ("Right already", "their cards say what this plan would write"),
}


LABELS = {"heed": "to heed", "adoption": "adopted"}  # of the buttons, where not the mark itself


class DiffPage:
    """The page of one plan; use it as a context, add every entry."""

    def __init__(self, path: Path, header: PlanHeader) -> None:
        self._path, self._header = path, header
        self._streams: dict[Kind, TextIO] = {}
        self._counts: Counter[Kind] = Counter()
        self._kinds: Counter[str] = Counter()  # mark -> repos

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for number, kind in enumerate(SECTIONS):
            self._streams[kind] = self._part(number).open("w+", encoding="utf-8")
        return self

    def add(self, entry: RepoPlan | Skipped) -> None:
        """One repo more."""
        kind = _kind_of(entry)
        self._counts[kind] += 1
        stream = self._streams[kind]
        if isinstance(entry, RepoPlan) and entry.files:
            self._kinds.update(_marks(entry))
            stream.writelines(_changing(entry, self._header.endpoint))
        else:
            stream.write(_left(entry, self._header.endpoint))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._assemble()
        finally:
            for number, stream in enumerate(self._streams.values()):
                stream.close()
                self._part(number).unlink(missing_ok=True)
            self._whole.unlink(missing_ok=True)

    def _part(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}.partial")

    @property
    def _whole(self) -> Path:
        return self._path.with_name(f"{self._path.name}.partial")

    def _assemble(self) -> None:
        with self._whole.open("w", encoding="utf-8") as page:
            page.write(HEAD.format(title=html.escape(self._header.title)))
            page.writelines(self._top())
            for kind, (heading, meaning) in SECTIONS.items():
                if self._counts[kind]:
                    page.write(_section(kind, heading, meaning, self._counts[kind]))
                    self._streams[kind].seek(0)
                    for line in self._streams[kind]:
                        page.write(line)
                    page.write("</section>\n")
            page.write(FOOT)
        self._whole.replace(self._path)

    def _top(self) -> Iterator[str]:
        asked = self._header.asked
        made = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        of = asked.get("org") or "named quants"
        yield f"<h1>{html.escape(self._header.title)}</h1>\n<p class=of>Plan "
        yield f"<code>{html.escape(self._header.id)}</code> for <b>{html.escape(str(of))}</b> on "
        yield f"{html.escape(self._header.endpoint)}, {made}. Nothing is changed yet.</p>\n<nav>"
        for kind, (heading, _) in SECTIONS.items():
            if self._counts[kind]:
                anchor = kind.replace(" ", "-")
                yield f'<a href="#{anchor}"><b>{self._counts[kind]:,}</b> {heading.lower()}</a>'
        yield "</nav>\n<div class=tools><input type=search id=find placeholder='Find a repo or a"
        yield " word of its changes' aria-label='Find'>"
        for change, count in self._kinds.most_common():
            label = LABELS.get(change, change)
            yield f"<button class=pick data-kind='{change}' aria-pressed=false>{label} {count:,}"
            yield "</button>"
        yield "<button id=open>Open all</button> <span id=shown></span></div>\n"


def _kind_of(entry: RepoPlan | Skipped) -> Kind:
    if isinstance(entry, Skipped):
        return entry.kind
    if not entry.files:
        return "right"
    return "licence" if any(one.kind == "licence" for one in entry.changes) else "change"


def _section(kind: Kind, heading: str, meaning: str, count: int) -> str:
    anchor = kind.replace(" ", "-")
    return (
        f'<section id="{anchor}"><h2>{heading} <small>{count:,}</small></h2>'
        f"<p class=meaning>{meaning}</p>\n"
    )


def _left(entry: RepoPlan | Skipped, endpoint: str) -> str:
    reason = f": {html.escape(entry.reason)}" if isinstance(entry, Skipped) else ""
    return f"<p class=left>{_link(entry.repo, endpoint)}{reason}</p>\n"


def _link(repo: str, endpoint: str) -> str:
    safe = html.escape(repo)
    return f'<a href="{html.escape(endpoint)}/{safe}">{safe}</a>'


def _marks(plan: RepoPlan) -> list[str]:
    """What the buttons choose by."""
    kinds = dict.fromkeys(change.kind for change in plan.changes)
    return [*kinds, *(["heed"] if plan.warnings else [])]


def _changing(plan: RepoPlan, endpoint: str) -> Iterator[str]:
    kinds = Counter(change.kind for change in plan.changes)
    marks = " ".join(_marks(plan))
    badges = "".join(f"<i class=k-{kind}>{count} {kind}</i>" for kind, count in kinds.items())
    heed = f"<i class=k-heed>{len(plan.warnings)} to heed</i>" if plan.warnings else ""
    yield f"<details class=repo data-kinds='{marks}'>"
    yield f"<summary><b>{html.escape(plan.repo)}</b>{badges}{heed}</summary>\n"
    yield f"<p class=of>{_link(plan.repo, endpoint)} at <code>{plan.head[:12]}</code>, "
    yield f"{'named one by one' if plan.maker == 'named' else f'made by {plan.maker}'}</p>\n"
    if plan.warnings:
        yield "<ul class=heed>"
        yield from (f"<li>{html.escape(warning)}</li>" for warning in plan.warnings)
        yield "</ul>\n"
    yield "<ul class=changes>"
    for change in plan.changes:
        yield f"<li><i class=k-{change.kind}>{change.kind}</i> {html.escape(change.what)}</li>"
    yield "</ul>\n"
    for file in plan.files:
        yield from _file(plan.repo, file)
    yield "</details>\n"


def _file(repo: str, file: FileChange) -> Iterator[str]:
    """The card's diff open, the others closed."""
    state = " open" if file.path == CARD_FILE else ""
    note = "" if file.existed else " <small>new</small>"
    yield f"<details class=file{state}><summary>{html.escape(file.path)}{note}</summary><pre>"
    for line in diff_lines(repo, file):
        if line.startswith(("---", "+++")):
            continue  # the summary says it
        tag = {"+": "ins", "-": "del", "@": "u"}.get(line[:1], "span")
        yield f"<{tag}>{html.escape(line) or ' '}</{tag}>"
    yield "</pre></details>\n"
