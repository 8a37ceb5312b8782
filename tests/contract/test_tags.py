"""Tags on the Hub: set once, found again, never moved."""

from __future__ import annotations

import json

import pytest

from hubtool.card.provenance import GitSource
from hubtool.errors import TagMoved
from hubtool.hub.client import HubClient
from hubtool.hub.tags import set_tag, tagged_commit
from hubtool.release.release import published_as
from tests.support.localhub import HubSession

COMMIT = "c" * 40


def client(hub: HubSession) -> HubClient:
    return HubClient(endpoint=hub.url, token=hub.token)


def released(hub: HubSession, **told: object) -> tuple[str, str]:
    """(repo, commit) of a quant whose provenance says that."""
    repo = hub.repo("quant")
    content = json.dumps({"git_commit": COMMIT, **told}).encode()
    done = hub.api().upload_file(
        path_or_fileobj=content, path_in_repo="optiq/release.json", repo_id=repo
    )
    return repo, str(done.oid)


def source(**changed: object) -> GitSource:
    return GitSource(**{"commit": COMMIT, "tag": "a/v1", "by_tag": True, **changed})  # type: ignore[arg-type]


def test_a_tag_is_set_once_and_stays(hub: HubSession) -> None:
    repo, commit = released(hub)
    for _ in range(2):
        set_tag(client(hub), repo, "a/v1", commit, "git commit")
    assert tagged_commit(client(hub), repo, "a/v1") == commit
    assert len(hub.requests("POST", "/tag/")) == 1
    newer = hub.api().upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=repo).oid
    with pytest.raises(TagMoved, match=commit[:12]):
        set_tag(client(hub), repo, "a/v1", newer, "git commit")
    assert tagged_commit(client(hub), repo, "a/v1") == commit


def test_without_repo_or_tag_there_is_none(hub: HubSession) -> None:
    assert tagged_commit(client(hub), f"{hub.org}/nothing", "v1") is None
    assert tagged_commit(client(hub), released(hub)[0], "v1") is None
    assert published_as(client(hub), f"{hub.org}/nothing", source()) is None


def test_a_published_tag_gives_its_receipt_back(hub: HubSession) -> None:
    repo, commit = released(hub)
    set_tag(client(hub), repo, "a/v1", commit, "")
    receipt = published_as(client(hub), repo, source())
    assert receipt is not None
    assert (receipt.commit, receipt.tag, receipt.committed) == (commit, "a/v1", False)
    assert {file.path for file in receipt.files} == {".gitattributes", "optiq/release.json"}
    held = hub.running.store.read(repo, "main", "optiq/release.json")
    (file,) = [one for one in receipt.files if one.path == "optiq/release.json"]
    assert file.size_bytes == len(held)


def test_a_tag_that_was_released_from_another_commit_has_moved(hub: HubSession) -> None:
    repo, commit = released(hub)
    set_tag(client(hub), repo, "a/v1", commit, "")
    with pytest.raises(TagMoved, match="from git commit cccccccccccc; the tag is now at dddd"):
        published_as(client(hub), repo, source(commit="d" * 40))


def test_a_published_tag_is_not_released_again_with_other_flags(hub: HubSession) -> None:
    repo, commit = released(hub, overrides={"quantize.target_bpw": "4.5"})
    set_tag(client(hub), repo, "a/v1", commit, "")
    flags = (("quantize.target_bpw", "4.5"),)
    assert published_as(client(hub), repo, source(overrides=flags)) is not None
    with pytest.raises(TagMoved, match=r"4\.5.*not none"):
        published_as(client(hub), repo, source())
