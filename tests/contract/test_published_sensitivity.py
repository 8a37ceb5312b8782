"""Sensitivities of a repo on the Hub: one small file is fetched and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hubtool.errors import PathNotFound, RepoNotFound
from hubtool.hub.client import HubClient
from hubtool.quantize.published import read_sensitivity
from tests.support.localhub import HubSession
from tests.support.toy_weights import write_quant

FILE = {
    "group_size": 64,
    "layers": [
        {"layer_name": "lm_head", "sensitivities": {"4": 0.1, "8": 0.01}, "param_count": 64}
    ],
}


@pytest.mark.parametrize("place", ["optiq/sensitivity.json", "optiq_sensitivity.json"])
def test_only_the_small_file_is_read(hub: HubSession, tmp_path: Path, place: str) -> None:
    write_quant(tmp_path)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(json.dumps(FILE))
    repo = f"{hub.org}/quant"
    hub.running.store.seed_repo(repo, tmp_path)
    found = read_sensitivity(repo, HubClient(endpoint=hub.url, token=hub.token))
    assert found.components[0].kl == {"4": 0.1, "8": 0.01}
    commit = (found.source or "").removeprefix(f"{repo}@")
    assert len(commit) == 40
    assert not [one.path for one in hub.requests("GET", "") if "safetensors" in one.path]
    pinned = read_sensitivity(f"{repo}@{commit}", HubClient(endpoint=hub.url, token=hub.token))
    assert pinned == found


def test_a_repo_without_one_and_no_repo_are_told_apart(hub: HubSession, tmp_path: Path) -> None:
    write_quant(tmp_path)
    hub.running.store.seed_repo(f"{hub.org}/bare", tmp_path)
    client = HubClient(endpoint=hub.url, token=hub.token)
    with pytest.raises(PathNotFound, match=r"bare has no optiq/sensitivity\.json"):
        read_sensitivity(f"{hub.org}/bare", client)
    with pytest.raises(RepoNotFound):
        read_sensitivity(f"{hub.org}/none", client)
