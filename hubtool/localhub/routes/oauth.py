"""Keyless login: an id token of a CI workflow for a short-lived token of one repo."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from hubtool.localhub.call import Answer, Call, api
from hubtool.localhub.oidc import GRANT, ID_TOKEN, claims_of, verified_claims
from hubtool.localhub.refusal import Refusal
from hubtool.localhub.repositories import Repo

SHORT_SECONDS = 3600  # as on the live Hub


def routes() -> list[Route]:
    """The routes of this family."""
    return [api("/oauth/token", exchange, name="oauth-token", methods=["POST"], body="json")]


def exchange(call: Call) -> Answer:
    """RFC 8693: ``grant_type``, ``subject_token_type``, ``subject_token``, ``resource``.

    404 for a repo that does not exist: the token cannot create it. 403 where
    nobody with the token's claims is trusted. A wrong id token is 400.
    """
    for field, wanted in (("grant_type", GRANT), ("subject_token_type", ID_TOKEN)):
        if call.text(field) != wanted:
            raise _refusal(400, "invalid_request", f"{field} must be {wanted}")
    resource, token = call.text("resource"), call.text("subject_token")
    repo = _repo(call, resource)
    issuer = str(claims_of(token).get("iss"))
    trusted = call.store.accounts.publishers_of(repo)
    here = [(publisher, user) for publisher, user in trusted if publisher.issuer == issuer]
    claims = verified_claims(token, issuer, call.base) if here else {}
    for publisher, user in here:
        if _fits(publisher.claims, claims):
            minted = call.store.accounts.mint_short_token(repo, user, SHORT_SECONDS)
            return {
                "access_token": minted,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "bearer",
                "expires_in": SHORT_SECONDS,
            }
    raise _refusal(403, "access_denied", f"{resource} trusts no publisher with these claims")


def _repo(call: Call, resource: str) -> Repo:
    kind, _, rest = resource.partition("/")
    plural = ("datasets", "spaces", "kernels")
    name, repo_type = (rest, kind[:-1]) if kind in plural else (resource, "model")
    repo = call.store.repos.find(name, repo_type) if name.count("/") == 1 else None
    if repo is None:
        raise _refusal(404, "invalid_target", f"there is no repo {resource}")
    return repo


def _fits(wanted: dict[str, str], claims: dict[str, Any]) -> bool:
    return all(claims.get(name) == value for name, value in wanted.items())


def _refusal(status: int, error: str, why: str) -> Refusal:
    return Refusal(status, why, body={"error": error, "error_description": why})
