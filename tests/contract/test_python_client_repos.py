"""Repos, identity, settings and lists, through the real Python client."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import get_session

from tests.support.localhub import CARD, HubSession


def test_whoami_names_user_roles_and_token(hub: HubSession) -> None:
    hub.repo("m")
    identity = hub.api().whoami()
    assert identity["name"] == "local"
    assert {"name": hub.org, "roleInOrg": "admin"}.items() <= next(
        org for org in identity["orgs"] if org["name"] == hub.org
    ).items()
    assert identity["auth"]["accessToken"]["role"] == "write"


def test_a_new_repo_holds_gitattributes_and_main(hub: HubSession) -> None:
    url = hub.api().create_repo(f"{hub.org}/m")
    assert (str(url), url.repo_id, url.repo_type) == (
        f"{hub.url}/{hub.org}/m",
        f"{hub.org}/m",
        "model",
    )
    assert hub.api().list_repo_files(url.repo_id) == [".gitattributes"]
    refs = hub.api().list_repo_refs(url.repo_id)
    assert [(branch.name, branch.ref) for branch in refs.branches] == [("main", "refs/heads/main")]


def test_creating_twice_is_an_error_unless_it_may_exist(hub: HubSession) -> None:
    repo = hub.repo("m")
    with pytest.raises(HfHubHTTPError) as caught:
        hub.api().create_repo(repo)
    assert caught.value.response.status_code == 409
    assert hub.api().create_repo(repo, exist_ok=True).repo_id == repo


def test_deleted_repo_is_gone_and_may_be_missing(hub: HubSession) -> None:
    repo = hub.repo("m")
    hub.api().delete_repo(repo)
    assert not hub.api().repo_exists(repo)
    with pytest.raises(RepositoryNotFoundError):
        hub.api().delete_repo(repo)
    hub.api().delete_repo(repo, missing_ok=True)


def test_moved_repo_is_found_under_both_ids(hub: HubSession) -> None:
    repo = hub.repo("old")
    hub.api().upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
    hub.api().move_repo(repo, f"{hub.org}/new")
    assert hub.api().model_info(repo).id == f"{hub.org}/new"
    assert Path(hub.api().hf_hub_download(repo, "a.txt")).read_text() == "1"


def test_settings_change_visibility_and_gate(hub: HubSession) -> None:
    repo = hub.repo("m")
    hub.api().update_repo_settings(repo, private=True, gated="manual")
    info = hub.api().model_info(repo)
    assert (info.private, info.gated) == (True, "manual")
    hub.api().update_repo_settings(repo, visibility="public", gated=False)
    info = hub.api().model_info(repo)
    assert (info.private, info.gated) == (False, False)


def test_datasets_live_beside_models_of_the_same_name(hub: HubSession) -> None:
    api, repo = hub.api(), hub.repo("both")
    api.create_repo(repo, repo_type="dataset")
    api.upload_file(path_or_fileobj=b"{}", path_in_repo="d.json", repo_id=repo, repo_type="dataset")
    assert api.file_exists(repo, "d.json", repo_type="dataset")
    assert not api.file_exists(repo, "d.json")
    assert api.dataset_info(repo).id == repo


def test_duplicate_shares_the_files(hub: HubSession) -> None:
    repo = hub.repo("m")
    hub.api().upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
    copy = hub.api().duplicate_repo(repo, f"{hub.org}/copy")
    assert hub.api().list_repo_files(copy.repo_id) == [".gitattributes", "a.txt"]


def test_list_models_filters_sorts_and_expands(hub: HubSession) -> None:
    api = hub.api()
    for name in ("one", "two", "three"):
        hub.repo(name)
    for name in ("one", "three"):
        api.upload_file(
            path_or_fileobj=CARD.encode(), path_in_repo="README.md", repo_id=f"{hub.org}/{name}"
        )
    listed = [model.id for model in api.list_models(author=hub.org, sort="created_at")]
    assert listed == [f"{hub.org}/{name}" for name in ("three", "two", "one")]
    tagged = api.list_models(author=hub.org, filter=["mlx", "license:mit"], sort="created_at")
    assert [model.id for model in tagged] == [f"{hub.org}/three", f"{hub.org}/one"]
    assert [model.id for model in api.list_models(author=hub.org, search="TWO")] == [
        f"{hub.org}/two"
    ]
    assert [model.id for model in api.list_models(author=hub.org, pipeline_tag="any-to-any")] == []
    (only,) = api.list_models(author=hub.org, search="one", expand=["sha", "cardData"])
    assert (only.sha, only.card_data.license, only.tags) == (
        hub.running.store.head(f"{hub.org}/one"),
        "mit",
        None,
    )
    assert only.siblings is None


def test_list_models_follows_pages_to_their_end(hub: HubSession) -> None:
    for number in range(5):
        hub.repo(f"m{number}")
    hub.running.hub.list_page = 2
    try:
        listed = [model.id for model in hub.api().list_models(author=hub.org, sort="created_at")]
        few = [model.id for model in hub.api().list_models(author=hub.org, limit=3)]
    finally:
        hub.running.hub.list_page = 1000
    assert listed == [f"{hub.org}/m{number}" for number in (4, 3, 2, 1, 0)]
    assert len(few) == 3
    assert len(hub.requests("GET", "/api/models")) == 3 + 2


def test_unknown_expand_field_is_refused(hub: HubSession) -> None:
    repo = hub.repo("m")
    with pytest.raises(HfHubHTTPError, match="expand"):
        hub.api().model_info(repo, expand=["nonsense"])


def test_overviews_tell_users_from_organisations(hub: HubSession) -> None:
    hub.repo("m")
    assert hub.api().get_organization_overview(hub.org).num_models == 1
    assert hub.api().get_user_overview("local").username == "local"
    with pytest.raises(HfHubHTTPError):
        hub.api().get_user_overview(hub.org)


@pytest.mark.parametrize("body", [{"private": True}, {"visibility": "private"}])
def test_both_spellings_of_private_are_understood(hub: HubSession, body: dict[str, object]) -> None:
    answer = get_session().post(
        f"{hub.url}/api/repos/create",
        json={"name": "m", "organization": hub.org, **body},
        headers={"authorization": f"Bearer {hub.token}"},
    )
    assert answer.json() == {
        "url": f"{hub.url}/{hub.org}/m",
        "name": f"{hub.org}/m",
        "id": answer.json()["id"],
    }
    assert hub.api().model_info(f"{hub.org}/m").private is True


def test_creating_at_once_gives_one_repo(hub: HubSession) -> None:
    with ThreadPoolExecutor(8) as pool:
        repo = f"{hub.org}/m"
        made = pool.map(lambda _: hub.api().create_repo(repo, exist_ok=True).repo_id, range(8))
        assert set(made) == {repo}
    assert [one.status for one in hub.requests("POST", "/repos/create")].count(200) == 1


def test_malformed_requests_are_400_not_a_crash(hub: HubSession) -> None:
    repo = hub.repo("m")
    headers = {"authorization": f"Bearer {hub.token}"}
    api, lfs = f"{hub.url}/api/models/{repo}", f"{hub.url}/{repo}.git/info/lfs/objects/batch"
    bodies = [
        (f"{api}/preupload/main", b'{"files": [{"path": "a"}]}'),
        (f"{api}/preupload/main", b"{not json"),
        (f"{api}/commit/main", b"{not json"),
        (f"{api}/commit/main", b'{"key": "header", "value": {}}'),
        (f"{api}/commit/main", b'{"key": "nonsense", "value": {}}'),
        (lfs, b'{"operation": "upload", "objects": [{}]}'),
        (lfs, b'{"operation": "download", "objects": []}'),
        (f"{hub.url}/api/repos/create", b'{"name": "../x"}'),
        (f"{hub.url}/api/repos/create", b"[]"),
    ]
    statuses = [get_session().post(url, content=body, headers=headers) for url, body in bodies]
    assert [answer.status_code for answer in statuses] == [400] * len(bodies)
