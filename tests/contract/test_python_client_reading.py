"""Downloads, trees, revisions and metadata, through the real Python client."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from hubtool.localhub.faults import Fault
from tests.support.localhub import CARD, HubSession, safetensors_bytes


def fill(hub: HubSession, files: dict[str, bytes], name: str = "m") -> str:
    """A repo with these files in one commit."""
    repo = hub.repo(name)
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    hub.api().create_commit(repo, operations, commit_message="Add files")
    return repo


def test_snapshot_holds_every_file_byte_for_byte(hub: HubSession, tmp_path: Path) -> None:
    files = {
        "README.md": CARD.encode(),
        "empty.txt": b"",
        "a/b/c.bin": os.urandom(300_000),
        "with space+plus %41.txt": b"odd name",
    }
    repo = fill(hub, files)
    folder = Path(snapshot_download(repo, endpoint=hub.url, token=hub.token, cache_dir=tmp_path))
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".gitattributes"
    }
    assert found == files
    assert folder.name == hub.running.store.head(repo)


def test_second_snapshot_fetches_only_what_changed(hub: HubSession, tmp_path: Path) -> None:
    repo = fill(hub, {"a.bin": os.urandom(50_000), "b.txt": b"1"})
    arguments = {"endpoint": hub.url, "token": hub.token, "cache_dir": tmp_path}
    snapshot_download(repo, **arguments)
    hub.api().upload_file(path_or_fileobj=b"2", path_in_repo="b.txt", repo_id=repo)
    before = len(hub.requests("GET", "/resolve/"))
    snapshot_download(repo, **arguments)
    fetched = [one.path.rsplit("/", 1)[1] for one in hub.requests("GET", "/resolve/")[before:]]
    assert fetched == ["b.txt"]


def test_cut_download_resumes_with_a_range(hub: HubSession, tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 14
    repo = fill(hub, {"w.bin": content})
    hub.running.faults.append(Fault("resolve", method="GET", truncate=11_000_000, times=1))
    path = hf_hub_download(repo, "w.bin", endpoint=hub.url, token=hub.token, cache_dir=tmp_path)
    assert Path(path).read_bytes() == content
    # the client goes on from the last full block of 10 MiB
    sent = [(one.status, one.bytes_sent) for one in hub.requests("GET", "/resolve/")]
    assert sent == [(200, 11_000_000), (206, len(content) - 10 * 1024 * 1024)]


@pytest.mark.parametrize(
    ("header", "status", "start", "end"),
    [
        ("bytes=2-5", 206, 2, 6),
        ("bytes=7-", 206, 7, 10),
        ("bytes=-3", 206, 7, 10),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=8-99", 206, 8, 10),
    ],
)
def test_ranges(hub: HubSession, header: str, status: int, start: int, end: int) -> None:
    repo = fill(hub, {"d.bin": b"0123456789"})
    url = f"{hub.url}/{repo}/resolve/main/d.bin"
    answer = get_session().get(url, headers={"Range": header})
    assert (answer.status_code, answer.content) == (status, b"0123456789"[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/10"
    assert answer.headers["X-Repo-Commit"] == hub.running.store.head(repo)


def test_range_past_the_end_is_416_with_the_size(hub: HubSession) -> None:
    repo = fill(hub, {"d.bin": b"0123456789"})
    url = f"{hub.url}/{repo}/resolve/main/d.bin"
    answer = get_session().get(url, headers={"Range": "bytes=10-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */10")
    assert answer.headers["X-Repo-Commit"] == hub.running.store.head(repo)


def test_head_and_get_agree_and_head_ignores_ranges(hub: HubSession) -> None:
    repo = fill(hub, {"d.bin": b"0123456789", "empty.txt": b""})
    for path, size in (("d.bin", "10"), ("empty.txt", "0")):
        url = f"{hub.url}/{repo}/resolve/main/{path}"
        head = get_session().head(
            url, headers={"Range": "bytes=1-2", "Accept-Encoding": "identity"}
        )
        whole = get_session().get(url)
        assert (head.status_code, whole.status_code) == (200, 200)
        for name in ("Content-Length", "ETag", "X-Repo-Commit", "Accept-Ranges"):
            assert head.headers[name] == whole.headers[name]
        assert head.headers["Content-Length"] == size
        assert "Content-Encoding" not in whole.headers
        entry = hub.running.store.tree(repo)[path]
        assert head.headers["ETag"] == f'"{entry.etag}"'


def test_raw_gives_text_and_for_lfs_the_pointer(hub: HubSession) -> None:
    repo = fill(hub, {"d.bin": b"\0\1\2", "t.txt": b"text"})
    entry = hub.running.store.tree(repo)["d.bin"]
    assert get_session().get(f"{hub.url}/{repo}/raw/main/t.txt").text == "text"
    assert get_session().get(f"{hub.url}/{repo}/raw/main/d.bin").text == (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{entry.sha256}\nsize 3\n"
    )
    assert get_session().head(f"{hub.url}/{repo}/raw/main/none").status_code == 404


def test_every_kind_of_revision_is_resolved(hub: HubSession, tmp_path: Path) -> None:
    repo, api = fill(hub, {"a.txt": b"1"}), hub.api()
    first = hub.running.store.head(repo)
    assert first is not None
    api.create_tag(repo, tag="v1.0")
    api.create_branch(repo, branch="feat/x", revision="v1.0")
    api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id=repo)
    pull = api.upload_file(path_or_fileobj=b"3", path_in_repo="a.txt", repo_id=repo, create_pr=True)
    revisions = {
        "v1.0": b"1",
        "feat/x": b"1",
        first: b"1",
        first[:7]: b"1",
        "main": b"2",
        "refs/heads/main": b"2",
        "HEAD": b"2",
        str(pull.pr_revision): b"3",
    }
    found = {
        revision: Path(
            hf_hub_download(repo, "a.txt", revision=revision, endpoint=hub.url, cache_dir=tmp_path)
        ).read_bytes()
        for revision in revisions
    }
    assert found == revisions
    assert api.model_info(repo, revision="feat/x").sha == first
    assert [node.path for node in api.list_repo_tree(repo, revision=pull.pr_revision)] == [
        ".gitattributes",
        "a.txt",
    ]


def test_what_is_missing_gets_its_named_exception(hub: HubSession, tmp_path: Path) -> None:
    repo = fill(hub, {"a.txt": b"1"})
    arguments = {"endpoint": hub.url, "token": hub.token, "cache_dir": tmp_path}
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download(repo, "none.txt", **arguments)
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download(repo, "a.txt", revision="none", **arguments)
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download(f"{hub.org}/none", "a.txt", **arguments)
    with pytest.raises(RepositoryNotFoundError):
        hub.api().model_info("gpt2")
    with pytest.raises(HfHubHTTPError):
        list(hub.api().list_repo_tree(repo, "none"))


def test_tree_lists_levels_pages_and_last_commits(hub: HubSession) -> None:
    repo, api = fill(hub, {"a/b/1.txt": b"1", "a/2.txt": b"2", "z.txt": b"z"}), hub.api()
    api.upload_file(
        path_or_fileobj=b"3", path_in_repo="a/2.txt", repo_id=repo, commit_message="Two"
    )
    top = [node.path for node in api.list_repo_tree(repo)]
    below = [node.path for node in api.list_repo_tree(repo, "a")]
    hub.running.hub.tree_page = hub.running.hub.expanded_page = 2
    try:
        every = [node.path for node in api.list_repo_tree(repo, recursive=True)]
        expanded = list(api.list_repo_tree(repo, recursive=True, expand=True))
    finally:
        hub.running.hub.tree_page, hub.running.hub.expanded_page = 1000, 50
    assert top == [".gitattributes", "a", "z.txt"]
    assert below == ["a/2.txt", "a/b"]
    assert every == [".gitattributes", "a", "a/2.txt", "a/b", "a/b/1.txt", "z.txt"]
    assert {node.path: node.last_commit.title for node in expanded} == {
        ".gitattributes": "initial commit",
        "a": "Two",
        "a/2.txt": "Two",
        "a/b": "Add files",
        "a/b/1.txt": "Add files",
        "z.txt": "Add files",
    }


def test_paths_info_leaves_out_what_is_missing(hub: HubSession) -> None:
    repo = fill(hub, {"a/1.txt": b"1", "w.bin": b"\0"})
    found = hub.api().get_paths_info(repo, ["w.bin", "none", "a"], expand=True)
    assert [(type(node).__name__, node.path) for node in found] == [
        ("RepoFile", "w.bin"),
        ("RepoFolder", "a"),
    ]
    assert found[0].last_commit is not None


def test_model_info_with_files_and_with_expand(hub: HubSession) -> None:
    repo = fill(hub, {"README.md": CARD.encode(), "w.bin": b"\0\1"})
    info = hub.api().model_info(repo, files_metadata=True)
    assert info.siblings is not None
    sizes = {file.rfilename: (file.size, file.lfs and file.lfs["size"]) for file in info.siblings}
    assert sizes["w.bin"] == (2, 2)
    assert sizes["README.md"] == (len(CARD), None)
    assert (info.pipeline_tag, info.card_data.license) == ("text-generation", "mit")
    assert {"mlx", "license:mit"} <= set(info.tags or [])
    few = hub.api().model_info(repo, expand=["sha", "usedStorage"])
    assert few.sha == info.sha
    assert (few.tags, few.siblings) == (None, None)
    assert few.used_storage == sum(file.size or 0 for file in info.siblings)


def test_safetensors_metadata_of_one_file_and_of_shards(hub: HubSession) -> None:
    single = {"a.weight": ("BF16", [4, 8]), "b.weight": ("F32", [3])}
    one = fill(hub, {"model.safetensors": safetensors_bytes(single)}, "one")
    assert hub.api().get_safetensors_metadata(one).files_metadata[
        "model.safetensors"
    ].parameter_count == {"BF16": 32, "F32": 3}
    index = {
        "metadata": {},
        "weight_map": {"a.weight": "1.safetensors", "b.weight": "2.safetensors"},
    }
    two = fill(
        hub,
        {
            "1.safetensors": safetensors_bytes({"a.weight": single["a.weight"]}),
            "2.safetensors": safetensors_bytes({"b.weight": single["b.weight"]}),
            "model.safetensors.index.json": json.dumps(index).encode(),
        },
        "two",
    )
    sharded = hub.api().get_safetensors_metadata(two)
    assert (sharded.sharded, sharded.parameter_count) == (True, {"BF16": 32, "F32": 3})
    assert hub.api().get_sharded_safetensors_metadata(two).parameter_count == {"BF16": 32, "F32": 3}
    assert hub.api().model_info(one).safetensors.total == 35


def test_several_ranges_and_nonsense_do_not_crash(hub: HubSession) -> None:
    repo = fill(hub, {"d.bin": b"0123456789"})
    url = f"{hub.url}/{repo}/resolve/main/d.bin"
    several = get_session().get(url, headers={"Range": "bytes=0-1,4-5"})
    assert several.status_code == 206
    assert b"01" in several.content
    assert b"45" in several.content
    assert get_session().get(url, headers={"Range": "lines=1-2"}).status_code == 400


def test_request_id_is_echoed_and_errors_carry_their_code(hub: HubSession) -> None:
    repo = fill(hub, {"a.txt": b"1"})
    url = f"{hub.url}/{repo}/resolve/main/none.txt"
    answer = get_session().get(url, headers={"X-Amzn-Trace-Id": "my-trace"})
    assert {
        name: answer.headers[name]
        for name in ("X-Request-Id", "X-Error-Code", "X-Error-Message", "X-Repo-Commit")
    } == {
        "X-Request-Id": "my-trace",
        "X-Error-Code": "EntryNotFound",
        "X-Error-Message": "Entry not found: none.txt",
        "X-Repo-Commit": hub.running.store.head(repo),
    }
    assert answer.json() == {"error": "Entry not found: none.txt"}
