"""Publishing without a stored secret: the Hub's trusted publishers.

With ``HF_OIDC_RESOURCE=ORG/NAME`` set, huggingface_hub lets the CI provider name this
workflow in an id token and exchanges that at ``POST /oauth/token`` for a token that lives
an hour and may write to that one repo; it renews it by itself. Here are the first exchange,
with errors that say what to do, and the mask over the token.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hubtool.console import keep_secret
from hubtool.errors import (
    HubRejected,
    HubtoolError,
    NotSignedIn,
    NotTrusted,
    NoWritePermission,
    PublisherRepoMissing,
    RepoNotFound,
)
from hubtool.hub.translation import status_of

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient

VARIABLE = "HF_OIDC_RESOURCE"


def publisher_repo() -> str | None:
    """The one repo that this process may write to as a trusted publisher; None if it is not one."""
    return os.environ.get(VARIABLE) or None


def sign_in(hub: HubClient, repo: str) -> None:
    """Exchange the workflow's id token for one that may write to ``repo``; it stays masked.

    Raises NoWritePermission if another repo is named, NotSignedIn without an id token,
    PublisherRepoMissing if the repo does not exist, and NotTrusted if the Hub refuses.
    """
    from huggingface_hub.errors import OIDCError

    named = publisher_repo()
    if named != repo:
        raise NoWritePermission(
            f"{VARIABLE} is {named}, and the release goes to {repo}",
            f"set {VARIABLE} to {repo}, or publish with a token in HF_TOKEN and without {VARIABLE}",
        )
    try:
        hub.call(f"sign in as a trusted publisher of {repo}", keep_token)
    except (RepoNotFound, HubRejected, NoWritePermission, NotSignedIn) as error:
        if isinstance(error.__cause__, OIDCError):  # the Hub was not asked
            raise
        raise _explained(error, repo) from error


def keep_token() -> None:
    """Mask the token that the next request will send; the client renews it where it has expired.

    Raises NotSignedIn without an id token.
    """
    from huggingface_hub import get_token
    from huggingface_hub.errors import OIDCError

    try:
        token = get_token()
    except OIDCError as error:
        raise NotSignedIn(
            "there is no id token to sign in with as a trusted publisher",
            "give the job `permissions: id-token: write`, or pass a token in `hf-token`",
        ) from error
    if token:
        keep_secret(token)


def _explained(error: HubtoolError, repo: str) -> HubtoolError:
    """What a refused exchange means, and what to do about it once."""
    org, name = repo.split("/")
    trust = f"name this repository and workflow under Settings, Trusted Publishers of {repo}"
    if status_of(error) == 404 or isinstance(error, RepoNotFound):
        return PublisherRepoMissing(
            f"{repo} does not exist, and a trusted publisher cannot create it",
            f"make it once, by hand: `hf repos create {org}/{name}`, then {trust}",
            repo=repo,
        )
    return NotTrusted(
        f"the Hub does not let this workflow publish to {repo}: {error.message}", trust, repo=repo
    )
