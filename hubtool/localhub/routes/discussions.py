"""Discussions and pull requests."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from hubtool.localhub.call import API, Answer, Call, api
from hubtool.localhub.discussions import Discussion
from hubtool.localhub.refusal import Refusal
from hubtool.localhub.repositories import Repo
from hubtool.localhub.trees import Tree

PAGE = 50


def routes() -> list[Route]:
    """The routes of this family."""
    one = f"{API}/discussions/{{num:int}}"
    return [
        api(f"{API}/discussions", select, name="discussions"),
        api(
            f"{API}/discussions",
            open_discussion,
            name="discussion-new",
            methods=["POST"],
            body="json",
        ),
        api(one, detail, name="discussion"),
        api(f"{one}/comment", comment, name="discussion-comment", methods=["POST"], body="json"),
        api(f"{one}/status", status, name="discussion-status", methods=["POST"], body="json"),
        api(f"{one}/title", title, name="discussion-title", methods=["POST"], body="json"),
        api(f"{one}/merge", merge, name="merge", methods=["POST"], body="json"),
    ]


def select(call: Call) -> Answer:
    """Discussions by type, status and author, newest first, in numbered pages."""
    repo = call.repo("sight")
    query = call.request.query_params
    kind, wanted = query.get("type", "all"), query.get("status", "all")
    chosen = [
        one
        for one in call.store.discussions.all(repo)
        if kind in ("all", "pull_request" if one.is_pull_request else "discussion")
        and (wanted == "all" or (one.status in ("open", "draft")) == (wanted == "open"))
        and query.get("author", one.author) == one.author
    ]
    start = call.number("p", 0) * PAGE
    page = [_item(repo, one) for one in chosen[start : start + PAGE]]
    return {"discussions": page, "count": len(chosen), "start": start}


def open_discussion(call: Call) -> Answer:
    """A new discussion, or a draft pull request that starts at main."""
    repo, author = call.repo("files"), call.user()
    is_pull = bool(call.field("pullRequest"))
    head = call.store.history.resolve(repo, "main")
    one = call.store.discussions.open(
        repo,
        title=call.text("title"),
        description=call.field("description") or "",
        author=author,
        base=head if is_pull else None,
        status="draft" if is_pull else "open",
    )
    url = f"{call.base}{repo.page}/discussions/{one.num}"
    return {"num": one.num, "url": url, "pullRequest": is_pull}


def detail(call: Call) -> Answer:
    """One discussion with its events; for a pull request also what it changes."""
    repo, one = _one(call, "sight")
    answer = _item(repo, one) | {"events": call.store.discussions.events(repo, one.num)}
    if not one.is_pull_request:
        return answer
    changes: dict[str, Any] = {"base": "refs/heads/main"}
    if one.merge_commit:
        changes["mergeCommitId"] = one.merge_commit
    merged = one.status == "merged"
    conflicts = [] if merged else call.store.discussions.conflicts(repo, one)
    answer |= {"changes": changes, "filesWithConflicts": conflicts}
    if call.flag("diff"):
        answer["diff"] = _diff(call, repo, one)
    return answer


def comment(call: Call) -> Answer:
    """Add a comment."""
    repo, one = _one(call, "files")
    event = call.store.discussions.comment(repo, one.num, call.text("comment"), call.user())
    return {"newMessage": event}


def status(call: Call) -> Answer:
    """Open or close; whoever opened it may, and whoever may write."""
    repo, one = _one(call, "sight")
    user = _author_or_writer(call, one)
    discussions = call.store.discussions
    event = discussions.set_status(repo, one.num, call.text("status"), user)
    if call.field("comment"):
        discussions.comment(repo, one.num, call.text("comment"), user)
    return {"newStatus": event}


def title(call: Call) -> Answer:
    """Change the title."""
    repo, one = _one(call, "sight")
    user = _author_or_writer(call, one)
    return {"newTitle": call.store.discussions.rename(repo, one.num, call.text("title"), user)}


def merge(call: Call) -> Answer:
    """Merge a pull request into main."""
    repo, one = _one(call, "write")
    text = call.field("comment") or ""
    return {"mergeCommitId": call.store.discussions.merge(repo, one.num, call.user(), text)}


def _one(call: Call, need: Any) -> tuple[Repo, Discussion]:
    repo = call.repo(need)
    return repo, call.store.discussions.get(repo, int(call.part("num")))


def _author_or_writer(call: Call, one: Discussion) -> str:
    user = call.user()
    if user != one.author:
        call.repo("write")
    elif call.caller.token_role != "write":
        raise Refusal(403, f"the token of {user} may only read")
    return user


def _item(repo: Repo, one: Discussion) -> dict[str, Any]:
    return {
        "title": one.title,
        "num": one.num,
        "author": {"name": one.author},
        "createdAt": one.created_at,
        "status": one.status,
        "repo": {"name": repo.full_id, "type": repo.type},
        "isPullRequest": one.is_pull_request,
    }


def _diff(call: Call, repo: Repo, one: Discussion) -> str:
    """A unified diff of what git would compare: text, and pointers for LFS files."""
    import difflib

    assert one.base is not None  # a pull request has one
    history = call.store.history
    old, new = history.tree(repo, one.base), history.tree(repo, history.refs(repo)[one.ref])
    lines: list[str] = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            before, after = (_lines(call, tree, path) for tree in (old, new))
            lines += difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="")
    return "\n".join(lines)


def _lines(call: Call, tree: Tree, path: str) -> list[str]:
    entry = tree.get(path)
    if entry is None:
        return []
    content = entry.pointer if entry.is_lfs else call.store.blobs.read(entry.sha256)
    return content.decode(errors="replace").splitlines()
