"""The local Hub's misbehaviour as the real Python client meets it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

from hubtool.localhub.faults import Fault
from tests.support.localhub import HubSession


def upload(hub: HubSession, repo: str, content: bytes = b"1", path: str = "a.txt") -> str:
    api = hub.api()
    return str(api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo).oid)


@pytest.mark.parametrize("status", [409, 412, 429, 500, 503])
def test_refused_commit_changes_nothing_and_the_next_one_lands(
    hub: HubSession, status: int
) -> None:
    repo = hub.repo("m")
    head = hub.running.store.head(repo)
    hub.running.faults.append(Fault("commit", status=status, times=1))
    with pytest.raises(HfHubHTTPError) as caught:
        upload(hub, repo)
    assert caught.value.response.status_code == status
    assert hub.running.store.head(repo) == head
    assert upload(hub, repo) == hub.running.store.head(repo)


def test_client_waits_as_long_as_rate_limit_says(hub: HubSession) -> None:
    repo = hub.repo("m")
    hub.running.faults.append(Fault("preupload", status=429, rate_limit=0, times=1))
    started = time.monotonic()
    upload(hub, repo)
    assert time.monotonic() - started >= 1.0  # t=0, and the client adds a second
    assert [one.status for one in hub.requests("POST", "/preupload/")] == [429, 200]


def test_retry_after_reaches_the_client(hub: HubSession) -> None:
    repo = hub.repo("m")
    hub.running.faults.append(Fault("commit", status=503, retry_after=7, times=1))
    with pytest.raises(HfHubHTTPError) as caught:
        upload(hub, repo)
    assert caught.value.response.headers["Retry-After"] == "7"


def test_cut_upload_is_sent_again_whole_and_leaves_no_rest(hub: HubSession) -> None:
    repo, content = hub.repo("m"), os.urandom(3_000_000)
    hub.running.faults.append(Fault("lfs-upload", drop=1_000_000, times=1))
    upload(hub, repo, content, "w.bin")
    first, second = hub.requests("PUT", "/lfs/upload/")
    assert (first.status, second.status) == (0, 200)
    assert 1_000_000 <= first.bytes_received < len(content)
    assert second.bytes_received == len(content)
    assert hub.running.store.read(repo, "main", "w.bin") == content
    assert len(list(hub.running.store.root.glob("uploads/*"))) == 0


def test_lost_answer_means_the_commit_is_there(hub: HubSession) -> None:
    repo = hub.repo("m")
    hub.running.faults.append(Fault("commit", lost=True, times=1))
    from huggingface_hub.utils import HfHubHTTPError as AnyHubError

    with pytest.raises(Exception) as caught:
        upload(hub, repo)
    assert not isinstance(caught.value, AnyHubError)
    assert [commit.title for commit in hub.api().list_repo_commits(repo)] == [
        "Upload a.txt with huggingface_hub",
        "initial commit",
    ]


def test_latency_and_slow_body_take_their_time(hub: HubSession, tmp_path: Path) -> None:
    repo = hub.repo("m")
    upload(hub, repo, b"x" * 40_000)
    hub.running.faults.append(Fault("info", latency=0.3))
    hub.running.faults.append(Fault("resolve", method="GET", slow=100_000))
    started = time.monotonic()
    hub.api().model_info(repo)
    assert 0.3 <= time.monotonic() - started < 2
    started = time.monotonic()
    path = hf_hub_download(repo, "a.txt", endpoint=hub.url, token=hub.token, cache_dir=tmp_path)
    assert 0.4 <= time.monotonic() - started < 3
    assert Path(path).stat().st_size == 40_000


def test_reset_in_the_middle_of_a_download_is_raised(hub: HubSession, tmp_path: Path) -> None:
    repo = hub.repo("m")
    upload(hub, repo, os.urandom(2_000_000), "w.bin")
    hub.running.faults.append(Fault("resolve", method="GET", truncate=1000, reset=True, times=1))
    arguments = {"endpoint": hub.url, "token": hub.token, "cache_dir": tmp_path}
    with pytest.raises(Exception, match=r"(?i)reset|read"):
        hf_hub_download(repo, "w.bin", **arguments)
    path = hf_hub_download(repo, "w.bin", **arguments)
    assert Path(path).read_bytes() == hub.running.store.read(repo, "main", "w.bin")


def test_fault_by_path_strikes_only_that_repo(hub: HubSession) -> None:
    struck, spared = hub.repo("struck"), hub.repo("spared")
    hub.running.faults.append(Fault(f"/api/models/{struck}/commit/*", status=500))
    with pytest.raises(HfHubHTTPError):
        upload(hub, struck)
    assert upload(hub, spared)


def test_two_writers_at_once_both_land_or_say_why(hub: HubSession) -> None:
    from concurrent.futures import ThreadPoolExecutor

    repo = hub.repo("m")
    head = hub.running.store.head(repo)

    def write(number: int) -> int:
        operation = CommitOperationAdd(f"{number}.txt", b"1")
        try:
            hub.api().create_commit(repo, [operation], commit_message="Race", parent_commit=head)
        except HfHubHTTPError as error:
            return error.response.status_code
        return 200

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(write, range(4)))
    assert statuses == [200, 412, 412, 412]
    assert len(hub.running.store.tree(repo)) == 2
