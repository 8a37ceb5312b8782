"""Figures of a repo from its headers: the same as from the folder, and no weights downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.artifact.stats import stats_of_folder
from hubtool.errors import PathNotFound, RepoNotFound
from hubtool.hub.client import HubClient
from hubtool.hub.remote_stats import stats_of_repo
from tests.support.localhub import HubSession
from tests.support.toy_weights import packed_linear, safetensors_bytes, write_quant


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    """A quant with a sidecar and enough weights for a header to be a small part."""
    folder = tmp_path / "quant"
    write_quant(folder)
    many = {}
    for number in range(40):
        many |= packed_linear(f"model.layers.{number}.mlp.gate_proj", 512, 512, 4)
    (folder / "model-extra.safetensors").write_bytes(safetensors_bytes(many))
    tower = {"vision_tower.x": ("BF16", (1000, 700))}
    (folder / "optiq_vision.safetensors").write_bytes(safetensors_bytes(tower))
    return folder


def test_a_repo_has_the_figures_of_its_folder(hub: HubSession, quant: Path) -> None:
    repo = f"{hub.org}/quant"
    hub.running.store.seed_repo(repo, quant)
    client = HubClient(endpoint=hub.url, token=hub.token)
    assert stats_of_repo(client, repo) == stats_of_folder(quant)
    weights = [
        one for one in hub.requests("GET", "") if "safetensors" in one.path or "lfs" in one.path
    ]
    total = sum(file.stat().st_size for file in quant.glob("*.safetensors"))
    assert sum(one.bytes_sent for one in weights) < total / 10


def test_a_repo_without_weights_or_at_no_revision_is_told(hub: HubSession, quant: Path) -> None:
    client = HubClient(endpoint=hub.url, token=hub.token)
    empty = hub.repo("empty")
    with pytest.raises(PathNotFound, match="model"):
        stats_of_repo(client, empty)
    with pytest.raises(RepoNotFound):
        stats_of_repo(client, f"{hub.org}/nothing")
