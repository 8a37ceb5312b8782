"""Branches, tags, pull requests, discussions and collections, through the real Python client."""

from __future__ import annotations

import pytest
from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import HfHubHTTPError

from tests.support.localhub import HubSession


def test_branches_and_tags_come_and_go(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    head = hub.running.store.head(repo)
    api.create_branch(repo, branch="dev")
    api.create_tag(repo, tag="v1", tag_message="First")
    refs = api.list_repo_refs(repo)
    assert {(ref.name, ref.target_commit) for ref in refs.branches} == {
        ("dev", head),
        ("main", head),
    }
    assert [(ref.name, ref.ref, ref.target_commit) for ref in refs.tags] == [
        ("v1", "refs/tags/v1", head)
    ]
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_tag(repo, tag="v1")
    assert caught.value.response.status_code == 409
    api.create_tag(repo, tag="v1", exist_ok=True)
    api.create_branch(repo, branch="dev", exist_ok=True)
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo, revision="dev")
    assert not api.file_exists(repo, "a.txt")
    assert api.file_exists(repo, "a.txt", revision="dev")
    api.delete_branch(repo, branch="dev")
    api.delete_tag(repo, tag="v1")
    refs = api.list_repo_refs(repo)
    assert ([ref.name for ref in refs.branches], refs.tags) == (["main"], [])


def test_super_squash_leaves_one_commit_with_the_same_files(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
    api.super_squash_history(repo, commit_message="All")
    assert [commit.title for commit in api.list_repo_commits(repo)] == ["All"]
    assert api.list_repo_files(repo) == [".gitattributes", "a.txt"]


def test_pull_request_by_commit_is_merged_into_main(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    head = hub.running.store.head(repo)
    info = api.create_commit(
        repo,
        [CommitOperationAdd("a.txt", b"1"), CommitOperationAdd("w.bin", b"\0")],
        commit_message="Add a",
        commit_description="Please.",
        create_pr=True,
    )
    assert (info.pr_num, info.pr_revision) == (1, "refs/pr/1")
    assert info.pr_url == f"{hub.url}/{repo}/discussions/1"
    assert hub.running.store.head(repo) == head
    refs = api.list_repo_refs(repo, include_pull_requests=True)
    assert [(ref.name, ref.target_commit) for ref in refs.pull_requests or []] == [("1", info.oid)]
    # meanwhile main moves in another file
    api.upload_file(path_or_fileobj=b"2", path_in_repo="b.txt", repo_id=repo)
    api.merge_pull_request(repo, 1, comment="Thanks")
    details = api.get_discussion_details(repo, 1)
    assert (details.status, details.merge_commit_oid) == ("merged", hub.running.store.head(repo))
    assert [event.type for event in details.events] == [
        "comment",
        "commit",
        "comment",
        "status-change",
    ]
    assert api.list_repo_files(repo) == [".gitattributes", "a.txt", "b.txt", "w.bin"]
    assert "+1" in (details.diff or "")


def test_conflicting_pull_request_is_not_merged(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
    api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id=repo, create_pr=True)
    api.upload_file(path_or_fileobj=b"3", path_in_repo="a.txt", repo_id=repo)
    assert api.get_discussion_details(repo, 1).conflicting_files == ["a.txt"]
    head = hub.running.store.head(repo)
    with pytest.raises(HfHubHTTPError, match=r"conflicts in a\.txt"):
        api.merge_pull_request(repo, 1)
    assert hub.running.store.head(repo) == head


def test_draft_pull_request_must_be_opened_first(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    pull = api.create_pull_request(repo, title="Draft one")
    assert (pull.status, pull.git_reference, pull.target_branch) == (
        "draft",
        "refs/pr/1",
        "refs/heads/main",
    )
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo, revision="refs/pr/1")
    with pytest.raises(HfHubHTTPError, match="draft"):
        api.merge_pull_request(repo, 1)
    api.change_discussion_status(repo, 1, "open")
    api.merge_pull_request(repo, 1)
    assert api.file_exists(repo, "a.txt")


def test_discussion_is_commented_renamed_and_closed(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    api.create_discussion(repo, title="A question", description="Why?")
    api.comment_discussion(repo, 1, "Because.")
    api.rename_discussion(repo, 1, "An answer")
    api.change_discussion_status(repo, 1, "closed")
    api.create_pull_request(repo, title="Another")
    details = api.get_discussion_details(repo, 1)
    assert (details.title, details.status, details.is_pull_request) == (
        "An answer",
        "closed",
        False,
    )
    assert [event.type for event in details.events] == [
        "comment",
        "comment",
        "title-change",
        "status-change",
    ]
    assert [one.num for one in api.get_repo_discussions(repo)] == [2, 1]
    assert [one.num for one in api.get_repo_discussions(repo, discussion_type="discussion")] == [1]
    assert [one.num for one in api.get_repo_discussions(repo, discussion_status="open")] == [2]


def test_collection_is_filled_ordered_listed_and_deleted(hub: HubSession) -> None:
    api = hub.api()
    one, two = hub.repo("one"), hub.repo("two")
    made = api.create_collection("My Quants!", namespace=hub.org, description="All of them")
    assert made.slug.startswith(f"{hub.org}/my-quants-")
    assert api.create_collection("My Quants!", namespace=hub.org, exists_ok=True).slug == made.slug
    api.add_collection_item(made.slug, one, "model", note="first")
    api.add_collection_item(made.slug, two, "model")
    api.add_collection_item(made.slug, two, "model", exists_ok=True)
    shelf = api.get_collection(made.slug)
    assert [(item.item_id, item.note) for item in shelf.items] == [(one, "first"), (two, None)]
    api.update_collection_item(made.slug, shelf.items[1].item_object_id, position=0, note="second")
    shelf = api.get_collection(made.slug)
    assert [(item.item_id, item.note) for item in shelf.items] == [(two, "second"), (one, "first")]
    listed = list(api.list_collections(owner=hub.org, item=f"models/{one}"))
    assert [collection.slug for collection in listed] == [made.slug]
    api.delete_collection_item(made.slug, shelf.items[0].item_object_id)
    renamed = api.update_collection_metadata(made.slug, title="Quants", private=True)
    assert (renamed.title, renamed.private) == ("Quants", True)
    assert [item.item_id for item in api.get_collection(renamed.slug).items] == [one]
    api.delete_collection(renamed.slug)
    with pytest.raises(HfHubHTTPError):
        api.get_collection(renamed.slug)
    api.delete_collection(renamed.slug, missing_ok=True)


def test_collection_description_has_a_limit(hub: HubSession) -> None:
    hub.repo("m")
    with pytest.raises(HfHubHTTPError, match="151 characters"):
        hub.api().create_collection("Long", namespace=hub.org, description="x" * 151)
