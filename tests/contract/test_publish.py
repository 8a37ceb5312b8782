"""Publishing over the real client: one commit, resumed, never twice, never over somebody's work."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from hubtool.console import SILENT
from hubtool.errors import HubUnreachable, NoWritePermission, RemoteMoved, VerificationFailed
from hubtool.hub.client import HubClient
from hubtool.hub.plan import PublishPlan, make_plan
from hubtool.hub.publish import publish
from hubtool.hub.receipt import Receipt, is_published
from hubtool.hub.retry import RetryPolicy
from hubtool.hub.verify import verify_publish
from hubtool.localhub.faults import Fault
from hubtool.records import hash_folder
from tests.support.localhub import CARD, HubSession, safetensors_bytes

WEIGHTS = "model-00001-of-00001.safetensors"


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    """A folder with a card, weights that go by LFS, and the list of its own files."""
    folder = tmp_path / "quant"
    (folder / "optiq").mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    (folder / "config.json").write_text("{}")
    weights = safetensors_bytes({"a": ("BF16", [1000, 900]), "b": ("F32", [7])})
    (folder / WEIGHTS).write_bytes(weights[:-4] + b"\0\0\x80?")
    (folder / "second.safetensors").write_bytes(safetensors_bytes({"c": ("BF16", [800, 800])}))
    files = ["README.md", "config.json", WEIGHTS, "second.safetensors", "optiq/release.json"]
    (folder / "optiq/release.json").write_text(json.dumps({"files": sorted(files)}))
    return folder


def client(hub: HubSession, *, attempts: int = 5, token: str | None = None) -> HubClient:
    """A client that does not wait between its tries."""
    policy = RetryPolicy(attempts=attempts, sleep=lambda seconds: None)
    return HubClient(endpoint=hub.url, token=token or hub.token, retry=policy)


def plan_for(
    hub: HubSession, repo: str, folder: Path, *, by: HubClient | None = None, pr: bool = False
) -> PublishPlan:
    return make_plan(
        by or client(hub),
        repo,
        folder,
        hash_folder(folder),
        message="Publish a quant",
        private=False,
        as_pull_request=pr,
    )


def push(hub: HubSession, repo: str, folder: Path, *, pr: bool = False) -> Receipt:
    one = client(hub)
    receipt = publish(one, plan_for(hub, repo, folder, by=one, pr=pr), folder, SILENT)
    return verify_publish(one, receipt, folder)


def titles(hub: HubSession, repo: str) -> list[str]:
    return [commit.title for commit in hub.api().list_repo_commits(repo)]


def uploaded(hub: HubSession) -> list[str]:
    """sha256 of each blob that arrived whole, by upload."""
    done = [one for one in hub.requests("PUT", "/lfs/upload/") if one.status == 200]
    return [one.path.split("?")[0].rsplit("/", 1)[-1] for one in done]


def test_a_new_repo_gets_one_commit_with_every_file(hub: HubSession, quant: Path) -> None:
    repo = f"{hub.org}/new"
    receipt = push(hub, repo, quant)
    assert titles(hub, repo) == ["Publish a quant", "initial commit"]
    assert (receipt.committed, receipt.verified) == (True, True)
    assert receipt.commit == hub.running.store.head(repo)
    assert receipt.changed_bytes == sum(file.size_bytes for file in receipt.files)
    listed = set(hub.api().list_repo_files(repo)) - {".gitattributes"}
    assert listed == {file.path for file in receipt.files}


def test_a_second_push_sends_nothing(hub: HubSession, quant: Path) -> None:
    repo = f"{hub.org}/twice"
    first = push(hub, repo, quant)
    hub.running.log.clear()
    again = push(hub, repo, quant)
    assert not [one for one in hub.running.log if one.method not in ("GET", "HEAD")]
    assert (again.committed, again.commit, again.changed_bytes) == (False, first.commit, 0)
    assert again.verified


def test_nothing_is_visible_before_the_commit(hub: HubSession, quant: Path) -> None:
    repo = f"{hub.org}/hidden"
    hub.running.faults.append(Fault("commit", drop=0))
    with pytest.raises(HubUnreachable, match="did not answer"):
        push(hub, repo, quant)
    assert hub.api().list_repo_files(repo) == [".gitattributes"]
    sent = uploaded(hub)
    hub.running.faults.clear()
    push(hub, repo, quant)
    assert titles(hub, repo) == ["Publish a quant", "initial commit"]
    assert sorted(uploaded(hub)) == sorted(set(sent))  # no blob a second time


def test_a_commit_whose_answer_was_lost_lands_once(hub: HubSession, quant: Path) -> None:
    repo = f"{hub.org}/lost"
    hub.running.faults.append(Fault("commit", lost=True, times=1))
    receipt = push(hub, repo, quant)
    assert titles(hub, repo) == ["Publish a quant", "initial commit"]
    assert receipt.commit == hub.running.store.head(repo)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("commit", status=429, retry_after=0, times=2),
        Fault("commit", status=503, times=2),
        Fault("lfs-upload", drop=500_000, times=1),
        Fault("*", status=503, times=1),
        Fault("*", drop=0, times=1),
    ],
    ids=lambda fault: f"{fault.route}-{fault.status or 'drop'}",
)
def test_a_bad_line_is_tried_again(hub: HubSession, quant: Path, fault: Fault) -> None:
    repo = f"{hub.org}/faults-{fault.route.strip('*')}{fault.status or 0}"
    hub.running.faults.append(dataclasses.replace(fault))
    assert push(hub, repo, quant).verified
    assert titles(hub, repo) == ["Publish a quant", "initial commit"]


def test_somebody_elses_commit_since_the_plan_stops_the_push(hub: HubSession, quant: Path) -> None:
    repo = hub.repo("moved")
    plan = plan_for(hub, repo, quant)
    hub.api().upload_file(path_or_fileobj=b"theirs", path_in_repo="notes.txt", repo_id=repo)
    head = hub.running.store.head(repo)
    with pytest.raises(RemoteMoved):
        publish(client(hub), plan, quant, SILENT)
    assert hub.running.store.head(repo) == head


def test_files_of_a_person_stay_and_files_of_an_older_release_go(
    hub: HubSession, quant: Path
) -> None:
    repo = f"{hub.org}/renew"
    push(hub, repo, quant)
    hub.api().upload_file(path_or_fileobj=b"mine", path_in_repo="notes.txt", repo_id=repo)
    hub.api().upload_file(
        path_or_fileobj=os.urandom(100), path_in_repo="model-old.safetensors", repo_id=repo
    )
    (quant / "second.safetensors").unlink()
    (quant / "config.json").write_text('{"new": 1}')
    receipt = push(hub, repo, quant)
    listed = set(hub.api().list_repo_files(repo)) - {".gitattributes"}
    assert listed == {"README.md", "config.json", WEIGHTS, "optiq/release.json", "notes.txt"}
    assert receipt.changed_bytes == (quant / "config.json").stat().st_size


def test_a_pull_request_is_opened_once_and_main_stays(hub: HubSession, quant: Path) -> None:
    repo = hub.repo("asked")
    head = hub.running.store.head(repo)
    first = push(hub, repo, quant, pr=True)
    again = push(hub, repo, quant, pr=True)
    assert hub.running.store.head(repo) == head
    assert (again.committed, again.pull_request_url) == (False, first.pull_request_url)
    requests = list(hub.api().get_repo_discussions(repo, discussion_type="pull_request"))
    assert [(one.title, one.status) for one in requests] == [("Publish a quant", "open")]
    assert is_published(client(hub), first, quant)


def test_a_file_that_differs_on_the_hub_fails_verification(hub: HubSession, quant: Path) -> None:
    repo = f"{hub.org}/tampered"
    one = client(hub)
    receipt = publish(one, plan_for(hub, repo, quant, by=one), quant, SILENT)
    changed = safetensors_bytes({"a": ("BF16", [1000, 900]), "b": ("F32", [7])})
    commit = hub.api().upload_file(path_or_fileobj=changed, path_in_repo=WEIGHTS, repo_id=repo)
    with pytest.raises(VerificationFailed, match=WEIGHTS):
        verify_publish(one, dataclasses.replace(receipt, commit=commit.oid), quant)
    assert not is_published(one, receipt, quant)


def test_roles_are_asked_before_anything_is_sent(strict_hub: HubSession) -> None:
    store = strict_hub.running.store
    reader = store.create_user("reader", token_role="read")
    member = store.create_user("member")
    store.create_org("others", {"member": "read"})
    with pytest.raises(NoWritePermission, match="may only read"):
        client(strict_hub, token=reader).require_write("reader/x")
    with pytest.raises(NoWritePermission, match="role read"):
        client(strict_hub, token=member).require_write("others/x")
    with pytest.raises(NoWritePermission, match="not a member"):
        client(strict_hub, token=member).require_write("lab/x")
    client(strict_hub, token=member).require_write("member/x")
    assert not [one for one in strict_hub.running.log if one.method != "GET"]
