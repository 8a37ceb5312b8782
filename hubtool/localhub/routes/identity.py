"""Who am I, and which namespaces are there."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from hubtool.localhub.call import API, Answer, Call, api
from hubtool.localhub.refusal import Refusal


def routes() -> list[Route]:
    """The routes of this family."""
    overview = "/api/{kind:part}/{account:part}/overview"
    return [
        api("/api/whoami-v2", whoami, name="whoami"),
        api(overview, account_overview, name="overview"),
        api("/api/organizations/{account:part}/members", members, name="members"),
        api(f"{API}/auth-check", may_read, name="auth-check"),
        api(f"{API}/auth-check/write", may_write, name="auth-check"),
        api("/api/agent-harnesses", no_harnesses, name="client-chatter"),
        api("/api/telemetry/{rest:rest}", telemetry, name="client-chatter", methods=["HEAD"]),
    ]


def whoami(call: Call) -> Answer:
    """The user of the token, organisations with roles, and the token's role.

    ``openNamespaces`` is an addition of the local Hub: any organisation name
    may be used and comes into being with its first repo.
    """
    if call.caller.user is None:
        raise Refusal(401, "Invalid username or password.")
    user = call.caller.user
    return {
        "type": "user",
        "id": user,
        "name": user,
        "fullname": user,
        "email": f"{user}@localhost",
        "emailVerified": True,
        "isPro": False,
        "canPay": False,
        "orgs": [
            {"type": "org", "id": org, "name": org, "fullname": org, "roleInOrg": role}
            for org, role in call.store.accounts.orgs_of(user)
        ],
        "auth": {
            "type": "access_token",
            "accessToken": {"displayName": "local", "role": call.caller.token_role},
        },
        "openNamespaces": call.store.accounts.open_namespaces,
    }


def account_overview(call: Call) -> Answer:
    """A short description of a user or an organisation."""
    name, wanted = call.part("account"), call.part("kind")
    kind = call.store.accounts.kind(name)
    if (kind, wanted) not in (("user", "users"), ("org", "organizations")):
        raise Refusal(404, f"{name} does not exist")
    count = sum(repo.namespace == name and not repo.private for repo in call.store.repos.all())
    facts: dict[str, Any] = {"avatarUrl": "", "fullname": name, "numModels": count}
    if kind == "user":
        return {**facts, "user": name, "type": "user", "isPro": False}
    return {**facts, "name": name, "type": "org", "numUsers": len(_members(call, name))}


def members(call: Call) -> Answer:
    """The users of an organisation."""
    return _members(call, call.part("account"))


def may_read(call: Call) -> Answer:
    """200 if the caller may read the repo's files."""
    call.repo("files")
    return {}


def may_write(call: Call) -> Answer:
    """200 if the caller may commit to the repo."""
    call.repo("write")
    return {}


def no_harnesses(call: Call) -> Answer:
    """The client asks for this unasked; there are none."""
    return {"standardEnvVars": [], "harnesses": {}}


def telemetry(call: Call) -> Answer:
    """Telemetry is taken and forgotten."""
    return Response(status_code=204)


def _members(call: Call, org: str) -> list[dict[str, str]]:
    return [
        {"user": user, "fullname": user, "type": "user", "role": role}
        for user, role in call.store.accounts.members_of(org)
    ]
