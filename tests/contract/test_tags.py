"""Tags on the Hub: set once, found again, never moved."""

from __future__ import annotations

import hashlib
import json

import pytest

from hubtool.card.provenance import GitSource
from hubtool.errors import TagMoved, VerificationFailed
from hubtool.hub.client import HubClient
from hubtool.hub.tags import set_tag, tagged_commit
from hubtool.records import FileHash
from hubtool.release.release import published_as
from tests.support.localhub import HubSession

COMMIT = "c" * 40


def client(hub: HubSession) -> HubClient:
    return HubClient(endpoint=hub.url, token=hub.token)


def released(hub: HubSession, **told: object) -> tuple[str, str]:
    """(repo, commit) of a quant whose provenance says that."""
    repo = hub.repo("quant")
    files = ["optiq/release.json"]
    content = json.dumps({"git_commit": COMMIT, "files": files, **told}).encode()
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
    held = hub.running.store.read(repo, "main", "optiq/release.json")
    digest = hashlib.sha256(held).hexdigest()
    assert receipt.files == (FileHash("optiq/release.json", len(held), digest),)


def test_a_published_tag_that_lost_a_file_is_not_whole(hub: HubSession) -> None:
    repo, commit = released(hub, files=["model.safetensors"])
    set_tag(client(hub), repo, "a/v1", commit, "")
    with pytest.raises(VerificationFailed, match=r"lacks model\.safetensors"):
        published_as(client(hub), repo, source())


def test_a_tag_that_a_person_set_on_something_else_is_not_ours(hub: HubSession) -> None:
    repo = hub.repo("quant")
    set_tag(client(hub), repo, "a/v1", str(hub.api().model_info(repo).sha), "")
    with pytest.raises(TagMoved, match="from git commit unknown"):
        published_as(client(hub), repo, source())


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


def test_a_published_tag_is_of_one_manifest(hub: HubSession) -> None:
    repo, commit = released(hub, git_manifest="releases/a.yaml")
    set_tag(client(hub), repo, "a/v1", commit, "")
    assert published_as(client(hub), repo, source(manifest="releases/a.yaml")) is not None
    with pytest.raises(TagMoved, match=r"from releases/a\.yaml, not from releases/b\.yaml"):
        published_as(client(hub), repo, source(manifest="releases/b.yaml"))
