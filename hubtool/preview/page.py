"""The page of a repo, or of what keeps its card from being shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hubtool.card.frontmatter import split_card
from hubtool.card.metadata_rules import metadata_problems
from hubtool.errors import HubtoolError
from hubtool.localhub import page_facts
from hubtool.localhub.card_html import card_html
from hubtool.localhub.derive import derive
from hubtool.localhub.page_templates import page_environment
from hubtool.preview.source import README, PreviewSource

LINES_AROUND = 3
_WEIGHTS_ON_THE_PAGE = (".safetensors", ".gguf")


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a template that cannot be rendered; ``guilty`` is the one that is to blame."""

    number: int
    text: str
    guilty: bool


def preview_page(source: PreviewSource, nonce: str) -> tuple[str, int]:
    """HTML and status: 200 with the card, 500 with what is wrong. Both reload by themselves.

    ``nonce`` is the one that the page's own script is allowed by.
    """
    stamp = source.stamp()  # before anything is read: a later change must differ from it
    try:
        template, values, status = "preview.html", _repo_values(source), 200
    except HubtoolError as error:
        template, values, status = "problem.html", _problem_values(error), 500
    except (OSError, UnicodeError) as error:  # a file that is just being saved or moved
        problem = HubtoolError(f"{type(error).__name__}: {error}", "save the file again")
        template, values, status = "problem.html", _problem_values(problem), 500
    page = page_environment("hubtool.preview").get_template(template)
    return page.render(stamp=stamp, nonce=nonce, origin=source.origin, **values), status


def _repo_values(source: PreviewSource) -> dict[str, Any]:
    shown, repo = source.card(), source.repo
    sizes = dict(source.sizes())
    text = shown.text.encode() if shown.text is not None else None
    if text is not None:
        sizes[README] = len(text)

    def read(path: str) -> bytes:
        return text if text is not None and path == README else source.read(path)

    derived = derive(sorted(sizes), read, source.read_range, sizes=sizes)
    card = split_card(shown.text or "")
    problems = metadata_problems(card) if text is not None else ()
    weights = [size for path, size in sizes.items() if path.endswith(_WEIGHTS_ON_THE_PAGE)]
    data = derived["cardData"]
    return {
        "repo": repo,
        "revision": "main",
        "derived": derived,
        "tags": page_facts.shown_tags(derived),
        "licence": page_facts.licence_text(data),
        "licence_link": page_facts.licence_link(data, repo.page),
        "has_card": text is not None,
        "card": card_html(card.body, repo.page, "main"),
        "notes": [*shown.notes, *(one.message for one in problems if one.severity == "advice")],
        "problems": [one for one in problems if one.severity != "advice"],
        "tree": _model_tree(derived),
        "hub_url": source.hub_url,
        "usage": page_facts.usage(repo.full_id, derived),
        "total_bytes": sum(sizes.values()),
        "weights_bytes": sum(weights),
        "files": [
            {"path": path, "size": size, "served": path == README or source.serves(path)}
            for path, size in sorted(sizes.items())
        ],
    }


def _model_tree(derived: dict[str, Any]) -> page_facts.ModelTree:
    """The bases that the card names; siblings and children are known to a Hub alone."""
    based = derived["baseModels"] or {"relation": None, "models": []}
    bases = tuple(page_facts.Relative(model["id"], False) for model in based["models"])
    return page_facts.ModelTree(based["relation"], bases, (), ())


def _problem_values(error: HubtoolError) -> dict[str, Any]:
    path, line = error.details.get("path"), error.details.get("line")
    known = isinstance(path, str) and isinstance(line, int)
    return {"error": error, "excerpt": _excerpt(Path(str(path)), int(str(line))) if known else ()}


def _excerpt(file: Path, guilty: int) -> list[Line]:
    """The lines around ``guilty``; none if the file has gone meanwhile."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    first = max(guilty - LINES_AROUND, 1)
    around = enumerate(lines[first - 1 : guilty + LINES_AROUND], first)
    return [Line(number, text, number == guilty) for number, text in around]
