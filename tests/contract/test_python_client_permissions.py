"""Who may see, read and write what, and the named exceptions, through the real Python client."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from hubtool.localhub.accounts import OrgRole
from tests.support.localhub import HubSession


def member(hub: HubSession, name: str, role: OrgRole | None) -> str:
    """A token of a new user with a role in the test's organisation."""
    token = hub.running.store.create_user(name)
    if role is not None:
        hub.running.store.create_org(hub.org, {name: role})
    return token


@pytest.mark.parametrize(
    ("role", "own_repo", "other_repo"),
    [
        ("admin", True, True),
        ("write", True, True),
        ("contributor", True, False),
        ("read", False, False),
        (None, False, False),
    ],
)
def test_roles_decide_who_writes(
    strict_hub: HubSession, role: OrgRole | None, own_repo: bool, other_repo: bool
) -> None:
    hub = strict_hub
    hub.running.store.create_repo("lab/theirs", "founder")
    api = hub.api(member(hub, "ann", role))

    def works(repo: str, *, create: bool) -> bool:
        try:
            if create:
                api.create_repo(repo)
            api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
        except HfHubHTTPError as error:
            return error.response.status_code != 403
        return True

    assert works("lab/mine", create=True) is own_repo
    assert works("lab/theirs", create=False) is other_repo
    assert works("ann/private-place", create=True)
    orgs = [(org["name"], org["roleInOrg"]) for org in api.whoami()["orgs"]]
    assert orgs == ([("lab", role)] if role else [])


def test_read_token_may_not_write(strict_hub: HubSession) -> None:
    hub = strict_hub
    member(hub, "ann", "admin")
    hub.running.store.create_repo("lab/m")
    api = hub.api(hub.running.store.mint_token("ann", "read"))
    assert api.whoami()["auth"]["accessToken"]["role"] == "read"
    with pytest.raises(HfHubHTTPError, match="may only read"):
        api.create_repo("lab/new")
    with pytest.raises(HfHubHTTPError, match="may only read"):
        api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id="lab/m")


def test_private_repo_does_not_exist_for_others(strict_hub: HubSession, tmp_path: Path) -> None:
    hub = strict_hub
    inside, outside = member(hub, "ann", "read"), member(hub, "eve", None)
    hub.running.store.create_repo("lab/secret", private=True)
    assert hub.api(inside).model_info("lab/secret").private is True
    for token in (outside, False):
        with pytest.raises(RepositoryNotFoundError):
            hub.api(token).model_info("lab/secret")
        with pytest.raises(RepositoryNotFoundError):
            hf_hub_download(
                *("lab/secret", ".gitattributes"),
                endpoint=hub.url,
                token=token,
                cache_dir=tmp_path,
            )
        assert list(hub.api(token).list_models(author="lab")) == []
    assert [model.id for model in hub.api(inside).list_models(author="lab")] == ["lab/secret"]


def test_gated_repo_shows_its_list_and_keeps_its_files(
    strict_hub: HubSession, tmp_path: Path
) -> None:
    hub = strict_hub
    owner, eve = member(hub, "ann", "admin"), member(hub, "eve", None)
    hub.running.store.create_repo("lab/gated", gated="manual")
    for token, status in ((eve, 403), (False, 401)):
        api = hub.api(token)
        assert api.model_info("lab/gated").gated == "manual"
        assert api.list_repo_files("lab/gated") == [".gitattributes"]
        with pytest.raises(GatedRepoError) as caught:
            hf_hub_download(
                *("lab/gated", ".gitattributes"),
                endpoint=hub.url,
                token=token,
                cache_dir=tmp_path,
            )
        assert caught.value.response.status_code == status
        with pytest.raises(GatedRepoError):
            api.auth_check("lab/gated")
    hub.api(owner).grant_access("lab/gated", "eve")
    hub.api(eve).auth_check("lab/gated")


def test_auth_check_asks_about_writing_without_writing(strict_hub: HubSession) -> None:
    hub = strict_hub
    reader, writer = member(hub, "ann", "read"), member(hub, "bob", "write")
    hub.running.store.create_repo("lab/m")
    hub.api(writer).auth_check("lab/m", write=True)
    with pytest.raises(HfHubHTTPError):
        hub.api(reader).auth_check("lab/m", write=True)
    with pytest.raises(RepositoryNotFoundError):
        hub.api(writer).auth_check("lab/none", write=True)


def test_unknown_token_is_refused_everywhere(hub: HubSession) -> None:
    repo = hub.repo("m")
    stranger = hub.api("hf_local_nobody")
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        stranger.whoami()
    with pytest.raises(HfHubHTTPError) as caught:
        stranger.model_info(repo)
    assert caught.value.response.status_code == 401
    with pytest.raises(HfHubHTTPError) as caught:
        hub.api(False).create_repo(f"{hub.org}/new")
    assert caught.value.response.status_code == 401


def test_anybody_signed_in_may_propose(strict_hub: HubSession) -> None:
    hub = strict_hub
    eve = member(hub, "eve", None)
    hub.running.store.create_repo("lab/m")
    info = hub.api(eve).upload_file(
        path_or_fileobj=b"\0" * 10, path_in_repo="w.bin", repo_id="lab/m", create_pr=True
    )
    with pytest.raises(HfHubHTTPError):
        hub.api(eve).merge_pull_request("lab/m", info.pr_num)
    assert list(hub.running.store.tree("lab/m")) == [".gitattributes"]
