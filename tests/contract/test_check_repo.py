"""``hubtool check ORG/NAME``: every check that needs no weights, over HTTP ranges."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hubtool.checks.remote import fetch_subject
from hubtool.checks.run import run_checks
from hubtool.errors import RepoNotFound
from hubtool.hub.client import HubClient
from tests.support.localhub import HubSession
from tests.support.sound_quant import write_sound_quant
from tests.support.toy_weights import packed_linear, safetensors_bytes


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    folder = tmp_path / "quant"
    write_sound_quant(folder)
    return folder


def client(hub: HubSession) -> HubClient:
    return HubClient(endpoint=hub.url, token=hub.token)


def test_a_sound_repo_passes_and_its_weights_stay_there(
    hub: HubSession, quant: Path, tmp_path: Path
) -> None:
    repo = f"{hub.org}/quant"
    hub.running.store.seed_repo(repo, quant)
    (tmp_path / "seen").mkdir()
    subject = fetch_subject(client(hub), repo, None, tmp_path / "seen")
    findings = run_checks(subject)
    assert findings.subject == f"{repo}@{client(hub).head(repo)}"
    assert [(one.id, one.message) for one in findings.failed] == []
    skipped = {one.id for one in findings.findings if one.result == "skip"}
    assert skipped == {"tensors/finite", "loads/generates", "loads/near-base"}
    here = run_checks(subject, only=["card", "hub", "layout"])
    assert [one.result for one in here.findings] == ["pass"] * len(here.findings)


def test_what_is_wrong_with_a_repo_is_found_from_headers(
    hub: HubSession, quant: Path, tmp_path: Path
) -> None:
    card = quant / "README.md"
    card.write_text(card.read_text().replace("| 2 |", "| 3 |"))
    (quant / "old.bin").write_bytes(b"x" * 100)
    repo = f"{hub.org}/wrong"
    hub.running.store.seed_repo(repo, quant)
    (tmp_path / "seen").mkdir()
    subject = fetch_subject(client(hub), repo, None, tmp_path / "seen")
    failed = {one.id: one.message for one in run_checks(subject).failed}
    assert set(failed) == {"layout/files", "card/facts"}
    assert (
        failed["card/facts"]
        == "block details: the row 'Total quantized components' says 3, the facts say 2"
    )
    assert subject.origin is not None
    assert subject.origin.not_read == ("old.bin (100 B)",)
    with pytest.raises(RepoNotFound):
        fetch_subject(client(hub), f"{hub.org}/none", None, tmp_path / "seen")


def test_no_more_than_headers_is_read_of_fifty_shards(hub: HubSession, tmp_path: Path) -> None:
    """Shards of 4 MB, headers of a few hundred bytes: not one byte of a weight is served."""
    folder = tmp_path / "many"
    write_sound_quant(folder)
    weight_map, header_bytes = {}, 0
    for number in range(50):
        file = f"model-{number + 1:05}-of-00050.safetensors"
        tensors = packed_linear(f"model.layers.{number}.mlp.up_proj", 4096, 2048, 4)
        content = safetensors_bytes(tensors)
        header_bytes += 8 + int.from_bytes(content[:8], "little")
        (folder / file).write_bytes(content)
        weight_map |= dict.fromkeys(tensors, file)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    repo = f"{hub.org}/many"
    hub.running.store.seed_repo(repo, folder)
    shutil.rmtree(folder)
    (tmp_path / "seen").mkdir()
    start = len(hub.running.log)
    subject = fetch_subject(client(hub), repo, None, tmp_path / "seen")
    served = [one for one in hub.running.log[start:] if one.path.endswith(".safetensors")]
    assert sum(one.bytes_sent for one in served if one.status == 206) == header_bytes
    assert len([one for one in served if one.status == 206]) == 100
    findings = run_checks(subject, only=["layout", "tensors"])
    assert [one.id for one in findings.failed] == []


def test_what_the_hubs_own_validator_refuses_is_a_finding(
    hub: HubSession, quant: Path, tmp_path: Path
) -> None:
    card = quant / "README.md"
    card.write_text(card.read_text().replace("---\n", "---\nlicense: mit\n", 1))
    repo = f"{hub.org}/refused"
    hub.running.store.seed_repo(repo, quant)
    (tmp_path / "seen").mkdir()
    subject = fetch_subject(client(hub), repo, None, tmp_path / "seen")
    found = {one.id: one for one in run_checks(subject, only=["metadata"]).findings}
    assert found["metadata/hub"].result == "fail"
    assert "duplicated mapping key license" in found["metadata/hub"].message
