"""Branches, tags and the squash of a branch's history."""

from __future__ import annotations

from starlette.routing import Route

from hubtool.localhub.call import API, Answer, Call, api
from hubtool.localhub.refusal import Refusal


def routes() -> list[Route]:
    """The routes of this family."""
    branch, tag = f"{API}/branch/{{branch:part}}", f"{API}/tag/{{revision:part}}"
    squash = f"{API}/super-squash/{{branch:part}}"
    return [
        api(branch, create_branch, name="branch", methods=["POST"], body="json"),
        api(branch, delete_branch, name="branch", methods=["DELETE"]),
        api(tag, create_tag, name="tag", methods=["POST"], body="json"),
        api(tag, delete_tag, name="tag", methods=["DELETE"]),
        api(squash, super_squash, name="super-squash", methods=["POST"], body="json"),
    ]


def create_branch(call: Call) -> Answer:
    """A branch at ``startingPoint``, else at main."""
    repo = call.repo("write")
    start = call.store.history.resolve(repo, call.field("startingPoint") or "main")
    call.store.history.create_ref(repo, f"refs/heads/{call.part('branch')}", start)
    return {}


def delete_branch(call: Call) -> Answer:
    """Remove a branch; main stays."""
    repo = call.repo("write")
    if call.part("branch") == "main":
        raise Refusal(403, "the main branch cannot be deleted")
    call.store.history.delete_ref(repo, f"refs/heads/{call.part('branch')}")
    return {}


def create_tag(call: Call) -> Answer:
    """A tag at a revision."""
    repo = call.repo("write")
    commit = call.commit(repo)
    call.store.history.create_ref(repo, f"refs/tags/{call.text('tag')}", commit)
    return {}


def delete_tag(call: Call) -> Answer:
    """Remove a tag."""
    repo = call.repo("write")
    call.store.history.delete_ref(repo, f"refs/tags/{call.part('revision')}")
    return {}


def super_squash(call: Call) -> Answer:
    """Replace a branch's history by one commit with the same files."""
    repo, history = call.repo("write"), call.store.history
    branch = call.part("branch")
    head = history.refs(repo).get(f"refs/heads/{branch}")
    if head is None:
        raise Refusal(404, f"no branch {branch}", "RevisionNotFound")
    history.write(
        repo,
        f"refs/heads/{branch}",
        history.tree(repo, head),
        parent=None,
        title=call.field("message") or f"Super-squash branch '{branch}' using huggingface_hub",
        author=call.user(),
    )
    return {}
