"""Creating, deleting, moving and configuring repos."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.routing import Route

from hubtool.localhub.call import API, Answer, Call, api
from hubtool.localhub.refusal import Refusal, no_repo
from hubtool.localhub.repositories import Repo, split_id


def routes() -> list[Route]:
    """The routes of this family."""
    return [
        api("/api/repos/create", create, name="create-repo", methods=["POST"], body="json"),
        api("/api/repos/delete", delete, name="delete-repo", methods=["DELETE"], body="json"),
        api("/api/repos/move", move, name="move-repo", methods=["POST"], body="json"),
        api(f"{API}/settings", settings, name="settings", methods=["PUT"], body="json"),
        api(
            f"{API}/user-access-request/grant",
            grant_access,
            name="grant-access",
            methods=["POST"],
            body="json",
        ),
        api(f"{API}/duplicate", duplicate, name="duplicate", methods=["POST"], body="json"),
    ]


def create(call: Call) -> Answer:
    """A new repo with its first commit; 409, with its address, if it exists."""
    user = call.user()
    namespace = call.field("organization") or user
    repo_id, repo_type = f"{namespace}/{call.text('name')}", call.field("type") or "model"
    call.store.accounts.require_namespace(call.caller, namespace)
    private = bool(_wants_private(call))
    with call.store.transaction():
        existing = call.store.repos.find(repo_id, repo_type)
        if existing is None:
            repo = call.store.create_repo(repo_id, user, repo_type=repo_type, private=private)
            return _address(call, repo)
    message = f"You already created this {repo_type} repo: {repo_id}"
    return JSONResponse({"error": message, **_address(call, existing)}, status_code=409)


def delete(call: Call) -> Answer:
    """Delete a repo."""
    repo = _named(call, f"{call.field('organization') or call.user()}/{call.text('name')}")
    call.store.accounts.require_admin(call.caller, repo)
    call.store.repos.delete(repo)
    return {}


def move(call: Call) -> Answer:
    """Rename a repo; the old id redirects."""
    repo, target = _named(call, call.text("fromRepo")), call.text("toRepo")
    call.store.accounts.require_admin(call.caller, repo)
    call.store.accounts.require_namespace(call.caller, split_id(target)[0])
    return _address(call, call.store.repos.move(repo, target))


def settings(call: Call) -> Answer:
    """Change visibility and gate."""
    repo = call.repo("admin")
    gated = call.field("gated")
    repo = call.store.repos.update(
        repo,
        private=_wants_private(call),
        gated="" if gated is False else gated,
    )
    visibility = "private" if repo.private else "public"
    return {"private": repo.private, "visibility": visibility, "gated": repo.gated or False}


def grant_access(call: Call) -> Answer:
    """Let a user read the files of a gated repo."""
    repo = call.repo("admin")
    call.store.accounts.grant(repo, call.text("user"))
    return {}


def duplicate(call: Call) -> Answer:
    """A new repo with the same files as one commit; blobs are shared."""
    source, target = call.repo("files"), call.text("repository")
    call.store.accounts.require_namespace(call.caller, split_id(target)[0])
    existing = call.store.repos.find(target, source.type)
    if existing is not None:
        body = {"error": f"{target} exists already", **_address(call, existing)}
        return JSONResponse(body, status_code=409)
    private = _wants_private(call)
    copy = call.store.duplicate(
        source, target, call.user(), private=source.private if private is None else private
    )
    return _address(call, copy)


def _named(call: Call, repo_id: str) -> Repo:
    repo = call.store.repos.find(repo_id, call.field("type") or "model")
    if repo is None:
        raise no_repo(repo_id)
    return repo


def _wants_private(call: Call) -> bool | None:
    """Both spellings: ``visibility`` of today's client, ``private`` of older ones and JS."""
    visibility, private = call.field("visibility"), call.field("private")
    if visibility is not None:
        if visibility not in ("public", "private"):
            raise Refusal(400, f'visibility must be "public" or "private", not {visibility!r}')
        return bool(visibility == "private")
    return None if private is None else bool(private)


def _address(call: Call, repo: Repo) -> dict[str, str]:
    return {"url": call.base + repo.page, "name": repo.full_id, "id": str(repo.id)}
