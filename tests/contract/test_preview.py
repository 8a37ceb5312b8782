"""The preview of a repo: the page of what a Hub holds, without its weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.errors import RepoNotFound
from hubtool.hub.client import HubClient
from hubtool.preview.remote import RemoteSource
from tests.support.localhub import HubSession
from tests.support.previews import get, previewed
from tests.support.sound_quant import write, write_sound_quant
from tests.support.toy_weights import packed_linear, safetensors_bytes


@pytest.fixture
def repo(hub: HubSession, tmp_path: Path) -> str:
    folder = tmp_path / "quant"
    write_sound_quant(folder)
    tensors = {**packed_linear("a", 128, 64, 4), "model.embed.weight": ("BF16", (2_000, 1_000))}
    write("model.safetensors", safetensors_bytes(tensors, {"format": "mlx"}))(folder)
    write("assets/bits.png", b"\x89PNG\x00")(folder)
    name = f"{hub.org}/quant"
    hub.running.store.seed_repo(name, folder)
    return name


def test_a_repo_is_shown_from_its_card_and_headers(hub: HubSession, repo: str) -> None:
    source = RemoteSource(HubClient(endpoint=hub.url, token=hub.token), repo)
    with previewed(source) as running:
        pages = [get(running, "/") for _ in range(2)]
        image = get(running, "/resolve/main/assets/bits.png")
        weights = get(running, "/resolve/main/model.safetensors")
        card = get(running, "/resolve/main/README.md")
    assert [page[0] for page in pages] == [200, 200]
    for part in ("2.0M params", "License:</span> mit", "Quantization details", repo):
        assert part in pages[0][2]
    assert f'href="{hub.url}/acme/base"' in pages[0][2]
    assert (image[0], image[1]["content-type"], weights[0]) == (200, "image/png", 404)
    assert card[2].startswith("---\nlibrary_name: mlx\n")
    reads = [one for one in hub.requests("GET", "") if "model.safetensors" in one.path]
    assert sum(one.bytes_sent for one in reads) < 250_000
    assert len(reads) < 6


def test_a_private_repo_and_a_revision(hub: HubSession, tmp_path: Path) -> None:
    write("README.md", "# First\n")(tmp_path)
    name = f"{hub.org}/private"
    first = hub.running.store.seed_repo(name, tmp_path, private=True)
    write("README.md", "# Second\n")(tmp_path)
    hub.running.store.seed_repo(name, tmp_path)
    client = HubClient(endpoint=hub.url, token=hub.token)
    for revision, shown in ((None, "Second"), (first, "First")):
        with previewed(RemoteSource(client, name, revision)) as running:
            html = get(running, "/")[2]
        assert f">{shown}</h1>" in html
        assert '<span class="badge">private</span>' in html


def test_what_is_not_there_is_told_before_anything_is_served(hub: HubSession, repo: str) -> None:
    client = HubClient(endpoint=hub.url, token=hub.token)
    for name, revision in ((f"{hub.org}/absent", None), (repo, "no-such-branch")):
        with pytest.raises(RepoNotFound):
            RemoteSource(client, name, revision)
