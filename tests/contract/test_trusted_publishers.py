"""Trusted publishers: an id token of a workflow for a token of one repo, through the real client."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import get_session

from hubtool.localhub.oidc import GRANT, ID_TOKEN, Publisher
from tests.support.localhub import HubSession
from tests.support.oidc_issuer import Issuer, running_issuer

CLAIMS = {
    "repository": "acme/quants",
    "workflow_ref": "acme/quants/.github/workflows/release.yml@x",
}
TRUSTED = {"repository": "acme/quants"}

# what a release asks before its first download, in a process whose environment is the job's
ASK = """
import json
from hubtool.errors import HubtoolError
from hubtool.hub.client import HubClient
try:
    HubClient().require_write({repo!r})
    print(json.dumps({{"ok": True}}))
except HubtoolError as error:
    print(json.dumps(error.to_json()))
"""

# an hour later: the client renews its token before the next request
LATER = """
import json
from huggingface_hub.utils import _auth
from hubtool.hub.client import HubClient
hub = HubClient()
hub.require_write({repo!r})
_auth._OIDC_TOKEN_CACHE["expires_at"] = 0
hub.resolve_revision({repo!r})
print(json.dumps({{"token": _auth._OIDC_TOKEN_CACHE["token"]}}))
"""

# the same where the CI provider gives no id token any more
TOO_LATE = """
import json, os
from huggingface_hub.utils import _auth
from hubtool.errors import HubtoolError
from hubtool.hub.client import HubClient
hub = HubClient()
hub.require_write({repo!r})
_auth._OIDC_TOKEN_CACHE["expires_at"] = 0
del os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"]
try:
    hub.resolve_revision({repo!r})
except HubtoolError as error:
    print(json.dumps(error.to_json()))
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer(CLAIMS) as running:
        yield running


def exchanged(hub: HubSession, repo: str, token: str, **changed: str) -> dict[str, Any]:
    """The answer of the exchange; ``status`` is in it."""
    request = {
        "grant_type": GRANT,
        "subject_token_type": ID_TOKEN,
        "subject_token": token,
        "resource": repo,
    }
    answer = get_session().post(f"{hub.url}/oauth/token", json={**request, **changed})
    return {"status": answer.status_code, **answer.json()}


def trusted_repo(hub: HubSession, issuer: Issuer, claims: dict[str, str] = TRUSTED) -> str:
    repo = hub.repo("quant")
    accounts, repos = hub.running.store.accounts, hub.running.store.repos
    accounts.trust(repos.get(repo), Publisher(issuer.address, claims), by="local")
    return repo


def ask(
    hub: HubSession, repo: str, home: Path, script: str = ASK, **env: str
) -> tuple[dict[str, Any], str]:
    """(the answer, what stderr said) of a job that wants to release to ``repo``."""
    environment = {
        name: value
        for name, value in hub.environment(home).items()
        if name not in ("HF_TOKEN", "GITHUB_ACTIONS")
    }
    done = subprocess.run(
        [sys.executable, "-c", script.format(repo=repo)],
        env={**environment, "GITHUB_ACTIONS": "true", "HF_OIDC_RESOURCE": repo, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_the_token_writes_to_its_repo_and_to_nothing_else(hub: HubSession, issuer: Issuer) -> None:
    repo, other = trusted_repo(hub, issuer), hub.repo("other")
    answer = exchanged(hub, repo, issuer.token(hub.url))
    assert (answer["status"], answer["token_type"], answer["expires_in"]) == (200, "bearer", 3600)
    api = hub.api(answer["access_token"])
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.create_tag(repo, tag="a/v1")
    assert [one.name for one in api.list_repo_refs(repo).tags] == ["a/v1"]
    for refused in (
        lambda: api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=other),
        lambda: api.create_repo(f"{hub.org}/new"),
        lambda: api.update_repo_settings(repo, gated="auto"),
        lambda: api.delete_repo(repo),
    ):
        with pytest.raises(HfHubHTTPError) as caught:
            refused()
        assert caught.value.response.status_code == 403


def test_the_token_lives_as_long_as_it_says(
    hub: HubSession, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = exchanged(hub, trusted_repo(hub, issuer), issuer.token(hub.url))["access_token"]
    accounts = hub.running.store.accounts
    assert accounts.identify(token) is not None
    later = time.time() + 3601
    monkeypatch.setattr("hubtool.localhub.accounts.time.time", lambda: later)
    assert accounts.identify(token) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "https://other.example"}, "is for"),
        ({"exp": 1}, "has expired"),
        ({"nbf": 9_999_999_999}, "not valid yet"),
    ],
)
def test_an_id_token_of_another_time_or_place_is_refused(
    hub: HubSession, issuer: Issuer, changed: dict[str, Any], why: str
) -> None:
    answer = exchanged(hub, trusted_repo(hub, issuer), issuer.token(hub.url, **changed))
    assert (answer["status"], answer["error"]) == (400, "invalid_grant")
    assert why in answer["error_description"]


def test_a_forged_id_token_is_refused(hub: HubSession, issuer: Issuer) -> None:
    repo = trusted_repo(hub, issuer)
    head, body, signature = issuer.token(hub.url).split(".")
    forged = issuer.token(hub.url, repository="evil/fork").split(".")[1]
    unsigned = "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0"  # alg: none
    for token in (f"{head}.{forged}.{signature}", f"{unsigned}.{body}.", f"{head}.{body}.AAAA"):
        answer = exchanged(hub, repo, token)
        assert (answer["status"], answer["error"]) == (400, "invalid_grant"), token
    assert exchanged(hub, repo, "no token at all")["status"] == 400


def test_who_is_not_trusted_is_refused(hub: HubSession, issuer: Issuer) -> None:
    repo = trusted_repo(hub, issuer, {"repository": "acme/quants", "environment": "release"})
    answer = exchanged(hub, repo, issuer.token(hub.url))
    assert (answer["status"], answer["error"]) == (403, "access_denied")
    token = issuer.token(hub.url, environment="release")
    assert exchanged(hub, repo, token)["status"] == 200
    assert exchanged(hub, repo, token, grant_type="password")["error"] == "invalid_request"
    with running_issuer({**CLAIMS, "environment": "release"}) as stranger:
        assert exchanged(hub, repo, stranger.token(hub.url))["status"] == 403


def test_a_job_signs_in_and_its_token_is_masked(
    hub: HubSession, issuer: Issuer, tmp_path: Path
) -> None:
    repo = trusted_repo(hub, issuer)
    answer, told = ask(hub, repo, tmp_path, **issuer.environment)
    assert answer == {"ok": True}
    assert told.startswith("::add-mask::hf_jwt_")
    assert [one.status for one in hub.requests("POST", "/oauth/token")] == [200]
    assert not hub.requests("GET", "whoami")


def test_a_token_that_was_renewed_is_masked_as_well(
    hub: HubSession, issuer: Issuer, tmp_path: Path
) -> None:
    repo = trusted_repo(hub, issuer)
    answer, told = ask(hub, repo, tmp_path, LATER, **issuer.environment)
    masked = [line for line in told.splitlines() if line.startswith("::add-mask::")]
    assert len(set(masked)) == len(masked) == 2
    assert masked[-1] == f"::add-mask::{answer['token']}"


def test_a_token_that_cannot_be_renewed_is_told_with_the_same_remedy(
    hub: HubSession, issuer: Issuer, tmp_path: Path
) -> None:
    repo = trusted_repo(hub, issuer)
    answer, _ = ask(hub, repo, tmp_path, TOO_LATE, **issuer.environment)
    assert "no id token" in answer["message"]
    assert "id-token: write" in answer["remedy"]


def test_a_repo_that_is_not_there_says_how_to_make_it_once(
    hub: HubSession, issuer: Issuer, tmp_path: Path
) -> None:
    repo = f"{hub.org}/not-yet"
    answer, told = ask(hub, repo, tmp_path, **issuer.environment)
    assert answer["error"] == "HT0808"
    assert f"{repo} does not exist" in answer["message"]
    assert f"hf repos create {repo}" in answer["remedy"]
    assert "Trusted Publishers" in answer["remedy"]
    assert "eyJ" not in json.dumps(answer) + told


def test_a_repo_that_trusts_nobody_says_where_to_name_the_workflow(
    hub: HubSession, issuer: Issuer, tmp_path: Path
) -> None:
    repo = hub.repo("quant")
    answer, _ = ask(hub, repo, tmp_path, **issuer.environment)
    assert answer["error"] == "HT0809"
    assert f"Settings, Trusted Publishers of {repo}" in answer["remedy"]


def test_a_job_without_the_permission_is_told_which(hub: HubSession, tmp_path: Path) -> None:
    answer, _ = ask(hub, hub.repo("quant"), tmp_path)
    assert answer["error"] == "HT0803"
    assert "id-token: write" in answer["remedy"]


def test_a_publisher_of_another_repo_is_told_both(hub: HubSession, tmp_path: Path) -> None:
    answer, _ = ask(hub, "me/quant", tmp_path, HF_OIDC_RESOURCE="me/other")
    assert answer["error"] == "HT0804"
    assert "HF_OIDC_RESOURCE is me/other, and the release goes to me/quant" in answer["message"]
