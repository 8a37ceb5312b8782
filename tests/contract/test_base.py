"""Resolving and fetching a base over the real client: pinned, whole, and no byte twice."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import pytest

from hubtool.base.lineage import ancestors_licences
from hubtool.base.source import Base, fetch_base, files_needed, resolve_base
from hubtool.console import SILENT, Console
from hubtool.errors import (
    BaseGated,
    BaseNotFound,
    BrokenShard,
    HubtoolError,
    HubUnreachable,
    NoSafetensors,
    RemoteCodeNeeded,
    UnknownArchitecture,
    UnsafePath,
)
from hubtool.hub.client import HubClient
from hubtool.hub.retry import RetryPolicy
from hubtool.localhub.faults import Fault
from tests.support.localhub import HubSession, safetensors_bytes

CARD = """---
license: other
license_name: tiny-1
license_link: ./LICENSE
base_model: {parent}
---
# Base
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base as people upload them: weights, pickles, other formats, pictures."""
    root = tmp_path / "base"
    (root / "onnx").mkdir(parents=True)
    (root / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (root / "README.md").write_text(CARD.format(parent="none"))
    for name in ("LICENSE", "NOTICE", "tokenizer.json", "merges.txt", "picture.png"):
        (root / name).write_text(name)
    (root / "pytorch_model.bin").write_bytes(b"pickle")
    (root / "onnx/model.onnx").write_bytes(b"onnx")
    (root / "consolidated.safetensors").write_bytes(b"twice the same")
    (root / "model.safetensors").write_bytes(safetensors_bytes({"a": ("BF16", [1000, 1500])}))
    return root


def client(hub: HubSession, token: str | None = None, *, attempts: int = 4) -> HubClient:
    policy = RetryPolicy(attempts=attempts, sleep=lambda seconds: None)
    return HubClient(endpoint=hub.url, token=token or hub.token, retry=policy)


def seed(hub: HubSession, folder: Path, name: str = "base", **options: str) -> str:
    repo = f"{hub.org}/{name}"
    hub.running.store.seed_repo(repo, folder, replace=True, **options)  # type: ignore[arg-type]
    return repo


def resolve(hub: HubSession, repo: str, revision: str | None = None) -> Base:
    return resolve_base(client(hub), repo, revision, f"{hub.org}/quant", SILENT)


def downloads(hub: HubSession) -> list[tuple[str, int]]:
    found = [*hub.requests("GET", "/resolve/"), *hub.requests("GET", "/lfs/")]
    return [
        (one.path, one.bytes_sent)
        for one in found
        if one.path.split("?")[0].endswith(".safetensors") or "/lfs/" in one.path
    ]


def test_a_base_is_pinned_with_its_licence_and_those_of_its_ancestors(
    hub: HubSession, folder: Path
) -> None:
    parent = seed(hub, folder, "parent")
    (folder / "README.md").write_text(CARD.format(parent=parent))
    repo = seed(hub, folder)
    base = resolve(hub, repo)
    assert base.revision == hub.running.store.head(repo)
    own, above = base.licences
    assert (own.identifiers, own.name) == (("other",), "tiny-1")
    assert own.link == f"https://huggingface.co/{repo}/blob/{base.revision}/LICENSE"
    assert own.files == ("LICENSE", "NOTICE")
    assert above.repo == parent
    assert not downloads(hub)


def test_a_model_tree_that_loops_ends(hub: HubSession, folder: Path) -> None:
    repo = f"{hub.org}/loop"
    (folder / "README.md").write_text(CARD.format(parent=repo))
    seed(hub, folder, "loop")
    assert [licence.repo for licence in resolve(hub, repo).licences] == [repo]


def test_only_what_a_release_needs_is_fetched(hub: HubSession, folder: Path) -> None:
    base = resolve(hub, seed(hub, folder))
    assert [file.path for file in files_needed(base)] == [
        "LICENSE",
        "NOTICE",
        "README.md",
        "config.json",
        "merges.txt",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_an_old_revision_is_fetched_as_it_was(
    hub: HubSession, folder: Path, tmp_path: Path
) -> None:
    repo = seed(hub, folder)
    old = resolve(hub, repo).revision
    (folder / "merges.txt").write_text("changed")
    seed(hub, folder)
    base = resolve(hub, repo, old)
    snapshot = fetch_base(client(hub), base, tmp_path / "to", SILENT)
    assert snapshot.revision == old != hub.running.store.head(repo)
    assert (tmp_path / "to/merges.txt").read_text() == "merges.txt"


def test_a_cut_download_goes_on_where_it_stopped(
    hub: HubSession, folder: Path, tmp_path: Path
) -> None:
    base = resolve(hub, seed(hub, folder))
    size = (folder / "model.safetensors").stat().st_size
    target = tmp_path / "to"
    hub.running.faults.append(Fault("/*model.safetensors*", truncate=1_000_000))
    with pytest.raises(HubUnreachable):
        fetch_base(client(hub, attempts=1), base, target, SILENT)
    partial = target / "model.safetensors.partial"
    have = partial.stat().st_size
    assert 0 < have < size
    hub.running.faults.clear()
    hub.running.log.clear()
    fetch_base(client(hub), base, target, SILENT)
    assert (target / "model.safetensors").read_bytes() == (
        folder / "model.safetensors"
    ).read_bytes()
    assert sum(sent for _, sent in downloads(hub)) <= size - have + 10_000
    assert not partial.exists()


def test_what_is_there_is_not_fetched_again(hub: HubSession, folder: Path, tmp_path: Path) -> None:
    base = resolve(hub, seed(hub, folder))
    first = fetch_base(client(hub), base, tmp_path / "to", SILENT)
    hub.running.log.clear()
    assert fetch_base(client(hub), base, tmp_path / "to", SILENT) == first
    assert hub.running.log == []


def test_a_file_damaged_on_disk_is_fetched_again(
    hub: HubSession, folder: Path, tmp_path: Path
) -> None:
    base = resolve(hub, seed(hub, folder))
    fetch_base(client(hub), base, tmp_path / "to", SILENT)
    weights = tmp_path / "to/model.safetensors"
    right = weights.read_bytes()
    weights.write_bytes(right[:-1] + b"\1")
    fetch_base(client(hub), base, tmp_path / "to", SILENT)
    assert weights.read_bytes() == right


def _index(folder: Path, shard: str) -> None:
    index = {"metadata": {}, "weight_map": {"a": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _config(folder: Path, **entries: object) -> None:
    (folder / "config.json").write_text(json.dumps(entries))


SPOILS = {
    "pickles only": (lambda f: (f / "model.safetensors").unlink(), NoSafetensors, "pytorch_model"),
    "unknown type": (lambda f: _config(f, model_type="llamba9"), UnknownArchitecture, "llamba9"),
    "own code": (
        lambda f: _config(f, model_type="mine", model_file="mine.py"),
        RemoteCodeNeeded,
        "Python code",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), BaseNotFound, "missing"),
    "config no JSON": (lambda f: (f / "config.json").write_text("{"), BaseNotFound, "JSON"),
    "index leaves": (lambda f: _index(f, "../../x"), UnsafePath, r"\.\./\.\./x"),
    "index of nothing": (lambda f: _index(f, "model-7.safetensors"), BrokenShard, "model-7"),
}


@pytest.mark.parametrize("case", SPOILS)
def test_a_bad_base_is_refused_before_a_weight_is_sent(
    hub: HubSession, folder: Path, case: str
) -> None:
    spoil, error, words = SPOILS[case]
    (folder / "consolidated.safetensors").unlink()
    spoil(folder)
    repo = seed(hub, folder)
    with pytest.raises(error, match=words):
        resolve(hub, repo)
    assert not downloads(hub)


@pytest.mark.parametrize("change", ["cut", "10 GB header"])
def test_a_broken_shard_is_named(
    hub: HubSession, folder: Path, tmp_path: Path, change: str
) -> None:
    shard = folder / "model.safetensors"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-7] if change == "cut" else struct.pack("<Q", 10**10) + whole[8:])
    base = resolve(hub, seed(hub, folder))
    with pytest.raises(BrokenShard, match=r"model\.safetensors"):
        fetch_base(client(hub), base, tmp_path / "to", SILENT)


@pytest.mark.parametrize(("repo", "revision"), [("nobody/nothing", None), (None, "v9")])
def test_a_base_or_revision_that_is_not_there(
    hub: HubSession, folder: Path, repo: str | None, revision: str | None
) -> None:
    with pytest.raises(BaseNotFound) as caught:
        resolve(hub, repo or seed(hub, folder), revision)
    assert (repo or "v9") in caught.value.message


def test_a_gated_base_says_what_to_do(strict_hub: HubSession, folder: Path) -> None:
    repo = seed(strict_hub, folder, gated="manual")
    stranger = strict_hub.running.store.create_user("stranger")
    with pytest.raises(BaseGated) as caught:
        resolve_base(client(strict_hub, stranger), repo, None, "stranger/q", SILENT)
    assert isinstance(caught.value, HubtoolError)
    assert "accept its terms" in caught.value.remedy


@pytest.mark.parametrize("status", [401, 403])
def test_an_ancestors_text_behind_a_gate_is_told_as_that(
    hub: HubSession, folder: Path, tmp_path: Path, status: int
) -> None:
    """A warning where its card names the licence; where only the text would, nobody knows it."""
    console, told = _listening()
    for licence, parent in (("apache-2.0", "named"), ("other", "unnamed")):
        above = tmp_path / parent
        above.mkdir()
        (above / "README.md").write_text(f"---\nlicense: {licence}\n---\n# Above\n")
        (above / "LICENSE").write_text("Apache License\nVersion 2.0\n")
        repo = f"{hub.org}/{parent}"
        hub.running.store.seed_repo(repo, above)
        hub.running.faults.append(Fault(f"/{repo}/resolve/*LICENSE", status=status))
    named, unnamed = (
        ancestors_licences(
            client(hub), f"{hub.org}/quant", {"base_model": f"{hub.org}/{name}"}, console
        )[0]
        for name in ("named", "unnamed")
    )
    assert (named.identifiers, named.unread) == (("apache-2.0",), None)
    assert told.getvalue().count("warning: ") == 1
    assert "named: LICENSE is behind a gate and was not read, so apache-2.0" in told.getvalue()
    assert "`hf auth login`" in told.getvalue()
    assert unnamed.unread is not None
    assert "`hf auth login`" in unnamed.unread


def _listening() -> tuple[Console, io.StringIO]:
    told = io.StringIO()
    return Console("plain", stderr=told), told
