"""Uploads and commits, through the real Python client."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

from tests.support.localhub import CARD, HubSession


def test_upload_file_makes_one_commit_with_the_bytes(hub: HubSession) -> None:
    repo = hub.repo("m")
    info = hub.api().upload_file(
        path_or_fileobj=b"hello",
        path_in_repo="a/b.txt",
        repo_id=repo,
        commit_message="Say hello",
        commit_description="Twice.",
    )
    commits = hub.api().list_repo_commits(repo)
    assert [commit.title for commit in commits] == ["Say hello", "initial commit"]
    assert (commits[0].commit_id, commits[0].message) == (info.oid, "Twice.")
    assert commits[0].authors == ["local"]
    assert hub.running.store.read(repo, "main", "a/b.txt") == b"hello"


def test_unchanged_file_makes_no_commit(hub: HubSession) -> None:
    repo, big = hub.repo("m"), os.urandom(100_000)
    for path, content in (("a.txt", b"hello"), ("a.bin", big)):
        first = hub.api().upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo)
        again = hub.api().upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo)
        assert again.oid == first.oid
    assert len(hub.requests("POST", "/commit/")) == 2


@pytest.mark.parametrize(
    ("path", "content", "is_lfs"),
    [
        ("text.txt", b"plain", False),
        ("empty.safetensors", b"", False),
        ("w.safetensors", b"marked by .gitattributes", True),
        ("noise.dat", b"\0\1", True),
        ("long.txt", b"x" * (10 * 1024 * 1024), True),
        ("almost.txt", b"x" * (10 * 1024 * 1024 - 1), False),
    ],
    ids=["text", "empty", "marked", "binary", "10 MiB", "just below"],
)
def test_upload_mode_follows_the_hubs_rule(
    hub: HubSession, path: str, content: bytes, is_lfs: bool
) -> None:
    repo = hub.repo("m")
    hub.api().upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo)
    entry = hub.running.store.tree(repo)[path]
    assert (entry.is_lfs, entry.size) == (is_lfs, len(content))
    (node,) = hub.api().get_paths_info(repo, [path])
    assert (node.lfs is not None, node.size) == (is_lfs, len(content))


def test_upload_folder_with_a_60_mb_file_goes_in_parts(hub: HubSession, tmp_path: Path) -> None:
    repo = hub.repo("m")
    content = os.urandom(1 << 20) * 58
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.safetensors").write_bytes(content)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "README.md").write_text(CARD)
    hub.api().upload_folder(repo_id=repo, folder_path=tmp_path)
    tree = hub.running.store.tree(repo)
    assert sorted(tree) == [
        ".gitattributes",
        "README.md",
        "config.json",
        "weights/model.safetensors",
    ]
    assert tree["weights/model.safetensors"].sha256 == hashlib.sha256(content).hexdigest()
    parts = hub.requests("PUT", "/lfs/upload/")
    assert [part.bytes_received for part in parts] == [16_000_000] * 3 + [len(content) - 48_000_000]
    assert not any(part.authorised for part in parts)
    assert len(hub.requests("POST", "/complete")) == 1
    assert len(hub.requests("POST", "/commit/")) == 1
    assert len(list(hub.running.store.root.glob("uploads/*"))) == 0


def test_upload_folder_deletes_and_replaces_in_one_commit(hub: HubSession, tmp_path: Path) -> None:
    repo = hub.repo("m")
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "kept.txt").write_text("kept")
    hub.api().upload_folder(repo_id=repo, folder_path=tmp_path)
    (tmp_path / "old.txt").unlink()
    (tmp_path / "kept.txt").write_text("new")
    hub.api().upload_folder(repo_id=repo, folder_path=tmp_path, delete_patterns="*")
    assert hub.api().list_repo_files(repo) == [".gitattributes", "kept.txt"]
    assert hub.running.store.read(repo, "main", "kept.txt") == b"new"
    assert len(hub.requests("POST", "/commit/")) == 2


def test_preuploaded_blob_is_invisible_until_its_commit_and_sent_once(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    content = os.urandom(200_000)
    head = hub.running.store.head(repo)
    for _ in range(2):
        operation = CommitOperationAdd("model.safetensors", content)
        api.preupload_lfs_files(repo, [operation])
    assert hub.running.store.head(repo) == head
    assert [put.bytes_received for put in hub.requests("PUT", "/lfs/")] == [200_000]
    card = CommitOperationAdd("README.md", CARD.encode())
    info = api.create_commit(repo, [operation, card], commit_message="Publish", parent_commit=head)
    assert info.oid == hub.running.store.head(repo)
    assert len(hub.requests("PUT", "/lfs/")) == 1
    assert sorted(hub.running.store.tree(repo)) == [
        ".gitattributes",
        "README.md",
        "model.safetensors",
    ]


def test_stale_parent_is_412_and_changes_nothing(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    parent = hub.running.store.head(repo)
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
    head = hub.running.store.head(repo)
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as caught:
        api.create_commit(
            repo,
            [CommitOperationAdd("b.txt", b"2")],
            commit_message="Too late",
            parent_commit=parent,
        )
    assert caught.value.response.status_code == 412
    assert hub.running.store.head(repo) == head


def test_operations_delete_copy_and_replace_together(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    files = {"a.txt": b"a", "logs/1.txt": b"1", "logs/2.txt": b"2", "w.safetensors": b"weights"}
    add = [CommitOperationAdd(path, content) for path, content in files.items()]
    api.create_commit(repo, add, commit_message="Add")
    api.create_commit(
        repo,
        [
            CommitOperationDelete("logs/"),
            CommitOperationDelete("a.txt"),
            CommitOperationCopy("w.safetensors", "copy.safetensors"),
        ],
        commit_message="Tidy",
    )
    assert hub.api().list_repo_files(repo) == [
        ".gitattributes",
        "copy.safetensors",
        "w.safetensors",
    ]
    assert hub.running.store.read(repo, "main", "copy.safetensors") == b"weights"


def test_delete_file_and_its_absence(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
    assert api.file_exists(repo, "a.txt")
    api.delete_file("a.txt", repo)
    assert not api.file_exists(repo, "a.txt")
    with pytest.raises(HfHubHTTPError, match="A file with this name doesn't exist"):
        api.delete_file("a.txt", repo)


def test_commit_with_an_unknown_object_is_refused_whole(hub: HubSession) -> None:
    from huggingface_hub.utils import get_session

    repo = hub.repo("m")
    head = hub.running.store.head(repo)
    lines = [
        '{"key": "header", "value": {"summary": "x"}}',
        '{"key": "file", "value": {"path": "a.txt", "content": "YQ==", "encoding": "base64"}}',
        '{"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": "%s"}}'
        % ("0" * 64),
    ]
    answer = get_session().post(
        f"{hub.url}/api/models/{repo}/commit/main",
        content="\n".join(lines).encode(),
        headers={"authorization": f"Bearer {hub.token}", "content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        f"LFS pointer pointed to a file that does not exist: w.bin (oid {'0' * 64})"
    )
    assert hub.running.store.head(repo) == head


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../b", ".git/config", "a//b"])
def test_paths_that_leave_the_repo_are_refused(hub: HubSession, path: str) -> None:
    from huggingface_hub.utils import get_session

    repo = hub.repo("m")
    file = json.dumps({"key": "file", "value": {"path": path, "content": ""}})
    answer = get_session().post(
        f"{hub.url}/api/models/{repo}/commit/main",
        content=('{"key": "header", "value": {"summary": "x"}}\n' + file).encode(),
        headers={"authorization": f"Bearer {hub.token}"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, f"Invalid path in repo: {path!r}")


def test_corrupt_upload_is_refused_and_not_kept(hub: HubSession) -> None:
    from huggingface_hub.utils import get_session

    repo, oid = hub.repo("m"), "1" * 64
    batch = (
        get_session()
        .post(
            f"{hub.url}/{repo}.git/info/lfs/objects/batch",
            json={
                "operation": "upload",
                "transfers": ["basic"],
                "objects": [{"oid": oid, "size": 4}],
            },
            headers={"authorization": f"Bearer {hub.token}"},
        )
        .json()
    )
    href = batch["objects"][0]["actions"]["upload"]["href"]
    assert get_session().put(href, content=b"four").status_code == 400
    assert get_session().put(href, content=b"longer").status_code == 413
    assert hub.running.store.blobs.size(oid) is None
    assert len(list(hub.running.store.root.glob("uploads/*"))) == 0


def test_invalid_card_is_refused_before_and_at_the_commit(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    bad = b"---\nlicense: no-such-licence\n---\n"
    with pytest.raises((BadRequestError, ValueError), match="license"):
        api.upload_file(path_or_fileobj=bad, path_in_repo="README.md", repo_id=repo)
    assert hub.requests("POST", "/commit/") == []


def test_gitignored_file_is_left_out(hub: HubSession) -> None:
    repo, api = hub.repo("m"), hub.api()
    api.upload_file(path_or_fileobj=b"*.log\n", path_in_repo=".gitignore", repo_id=repo)
    api.create_commit(
        repo,
        [CommitOperationAdd("x.log", b"1"), CommitOperationAdd("x.txt", b"1")],
        commit_message="Add",
    )
    assert sorted(hub.running.store.tree(repo)) == [".gitattributes", ".gitignore", "x.txt"]


def test_xet_is_refused_with_the_setting_that_helps(hub: HubSession) -> None:
    from huggingface_hub.utils import get_session

    repo = hub.repo("m")
    answer = get_session().get(
        f"{hub.url}/api/models/{repo}/xet-write-token/main",
        headers={"authorization": f"Bearer {hub.token}"},
    )
    assert answer.status_code == 404
    assert "HF_HUB_DISABLE_XET=1" in answer.json()["error"]
