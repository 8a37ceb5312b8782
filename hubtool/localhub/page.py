"""Pages for people: every repo with its card, its place in the model tree, files and commits.

They show what the Hub's own page will show, so that a release can be looked
at before it is public. No script, no request to another host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.convertors import IntegerConvertor, StringConvertor, register_url_convertor
from starlette.responses import HTMLResponse
from starlette.routing import Route

from hubtool.card.frontmatter import split_card
from hubtool.card.metadata_rules import metadata_problems
from hubtool.localhub import page_facts
from hubtool.localhub.call import Answer, Call, api
from hubtool.localhub.card_html import card_html
from hubtool.localhub.info import used_storage
from hubtool.localhub.page_templates import page_environment
from hubtool.localhub.refusal import Refusal
from hubtool.localhub.repositories import RESERVED

if TYPE_CHECKING:
    from hubtool.localhub.history import Commit
    from hubtool.localhub.repositories import Repo
    from hubtool.localhub.trees import Tree

README = "README.md"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
COMMITS_SHOWN = 20


class _Owner(StringConvertor):
    """A first path part that can be a namespace: pages never shadow the Hub's other routes."""

    regex = rf"(?!(?:{'|'.join(sorted(RESERVED))})(?:/|$))[^/]+"


class _Number(IntegerConvertor):
    """The number of a discussion, short enough for the database."""

    regex = "[0-9]{1,9}"


register_url_convertor("owner", _Owner())
register_url_convertor("number", _Number())

REPO = "/{namespace:owner}/{name:part}"


def page_routes() -> list[Route]:
    """The routes of all pages; they come after every other route."""
    return [
        _page("/", index_page),
        _page(REPO, repo_page),
        _page(f"{REPO}/tree/{{revision:part}}", tree_page),
        _page(f"{REPO}/commit/{{revision:part}}", commit_page),
        _page(f"{REPO}/commits/{{revision:part}}", commits_page),
        _page(f"{REPO}/discussions/{{number:number}}", discussion_page),
    ]


def index_page(call: Call) -> dict[str, Any]:
    """All repos that the caller may see, newest change first."""
    visible = [
        repo for repo in call.store.repos.all() if call.store.accounts.may_see(call.caller, repo)
    ]
    visible.sort(key=lambda repo: repo.updated_at, reverse=True)
    rows = []
    for repo in visible:
        oid = call.store.history.resolve(repo, "main")
        derived = call.store.history.derived(repo, oid)
        size_bytes = page_facts.sizes(call.store, repo, oid)[0]
        rows.append({"repo": repo, "derived": derived, "size_bytes": size_bytes})
    return {"template": "index.html", "rows": rows}


def repo_page(call: Call) -> dict[str, Any]:
    """The repo at ``main``: card, figures, model tree, files, newest commits."""
    repo, oid, derived = _at_revision(call)
    store = call.store
    tree = store.history.tree(repo, oid)
    readme = tree.get(README)
    content = store.blobs.read(readme.sha256).decode("utf-8", "replace") if readme else ""
    card = split_card(content)
    problems = metadata_problems(card) if readme else ()
    total_bytes, weights_bytes = page_facts.sizes(store, repo, oid)

    def may_see(other: Repo) -> bool:
        return store.accounts.may_see(call.caller, other)

    return {
        "template": "repo.html",
        **_common(call, repo, oid, derived),
        "has_card": readme is not None,
        "card": card_html(card.body, repo.page, "main"),
        "problems": [problem for problem in problems if problem.severity != "advice"],
        "tree": page_facts.model_tree(store, repo, derived, may_see),
        "usage": page_facts.usage(repo.full_id, derived),
        "total_bytes": total_bytes,
        "weights_bytes": weights_bytes,
        "files": list(tree.values()),
        "commits": store.history.log(repo, oid)[:COMMITS_SHOWN],
    }


def tree_page(call: Call) -> dict[str, Any]:
    """All files of a revision, each with the commit that last changed it."""
    repo, oid, derived = _at_revision(call)
    tree = call.store.history.tree(repo, oid)
    return {
        "template": "tree.html",
        **_common(call, repo, oid, derived),
        "files": list(tree.values()),
        "total_bytes": used_storage(tree.values()),
        "last_commits": call.store.history.last_commits(repo, oid),
    }


def commits_page(call: Call) -> dict[str, Any]:
    """The whole history of a revision."""
    repo, oid, derived = _at_revision(call)
    commits = call.store.history.log(repo, oid)
    return {
        "template": "commits.html",
        **_common(call, repo, oid, derived),
        "commits": commits,
    }


def commit_page(call: Call) -> dict[str, Any]:
    """One commit and the files that it changed."""
    repo, oid, derived = _at_revision(call)
    history = call.store.history
    commit: Commit = history.commit(repo, oid)
    before = history.tree(repo, commit.parent) if commit.parent else {}
    return {
        "template": "commit.html",
        **_common(call, repo, oid, derived),
        "commit": commit,
        "changes": changed_files(before, history.tree(repo, oid)),
    }


def discussion_page(call: Call) -> dict[str, Any]:
    """A discussion with its comments; for a pull request also the files that it changes."""
    repo, oid, derived = _at_revision(call)
    store, number = call.store, call.request.path_params["number"]
    discussion = store.discussions.get(repo, number)
    changes: list[dict[str, Any]] = []
    if discussion.base is not None:
        proposed = store.history.resolve(repo, discussion.ref)
        trees = (store.history.tree(repo, commit) for commit in (discussion.base, proposed))
        changes = changed_files(*trees)
    return {
        "template": "discussion.html",
        **_common(call, repo, oid, derived),
        "discussion": discussion,
        "events": store.discussions.events(repo, number),
        "changes": changes,
    }


def changed_files(before: Tree, after: Tree) -> list[dict[str, Any]]:
    """``{path, change, before_bytes, after_bytes}`` of every path that differs, in path order."""
    changes = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        change = "added" if old is None else "removed" if new is None else "changed"
        sizes = {"before_bytes": old and old.size, "after_bytes": new and new.size}
        changes.append({"path": path, "change": change, **sizes})
    return changes


# --- shared ------------------------------------------------------------------


def _at_revision(call: Call) -> tuple[Repo, str, dict[str, Any]]:
    repo = call.repo("sight")
    oid = call.commit(repo)
    return repo, oid, call.store.history.derived(repo, oid)


def _common(call: Call, repo: Repo, oid: str, derived: dict[str, Any]) -> dict[str, Any]:
    card = derived.get("cardData") or {}
    return {
        "repo": repo,
        "oid": oid,
        "revision": call.request.path_params.get("revision", "main"),
        "derived": derived,
        "tags": page_facts.shown_tags(derived),
        "licence": page_facts.licence_text(card),
        "licence_link": page_facts.licence_link(card, repo.page),
    }


def _page(path: str, view: Callable[[Call], dict[str, Any]]) -> Route:
    """A route that fills the template its view names; a refusal becomes a page as well."""

    def answer(call: Call) -> Answer:
        try:
            values, status = view(call), 200
        except Refusal as refusal:
            if refusal.status < 400:
                raise
            values = {"template": "refusal.html", "message": refusal.message}
            status = refusal.status
        template = page_environment().get_template(values.pop("template"))
        return HTMLResponse(template.render(base=call.base, **values), status, HEADERS)

    return api(path, answer, name="page")
