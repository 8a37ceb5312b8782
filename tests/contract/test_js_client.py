"""The local Hub under a client of another make: the npm package @huggingface/hub."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from hubtool.localhub.server import RunningHub, start_local_hub
from tests.support.toy_weights import packed_linear, safetensors_bytes

SOURCES = Path(__file__).parent / "js"
LFS_FILE_BYTES = 11_000_000  # above the limit of a regular file
NO_REGISTRY = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH")
INDEX = "model.safetensors.index.json"

Call = Callable[..., Any]


class ClientFailed(Exception):
    """What the JS client threw: status and message."""

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@pytest.fixture(scope="session")
def js_client() -> Path:
    """The folder of the installed client; kept for later runs under the lock file's hash."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are needed for the JavaScript client")
    sources = sorted(path for path in SOURCES.iterdir() if path.is_file())
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"hubtool-js-client-{os.getuid()}-{version}"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _install(sources, folder)
    return folder


def _install(sources: list[Path], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        unfinished = Path(temporary) / "client"
        unfinished.mkdir()
        for path in sources:
            shutil.copy(path, unfinished)
        command = ["npm", "ci", "--omit=optional", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=unfinished, capture_output=True, text=True)
        if done.returncode and NO_REGISTRY.search(done.stderr):
            pytest.skip("the npm registry cannot be reached to install the JavaScript client")
        assert done.returncode == 0, done.stderr
        unfinished.rename(folder)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with start_local_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running
        assert running.unknown == []


@pytest.fixture(scope="module")
def call(hub: RunningHub, js_client: Path) -> Call:
    environment = {**os.environ, "HUB_URL": hub.url, "HUB_TOKEN": hub.token}

    def run(function: str, **params: Any) -> Any:
        done = subprocess.run(
            ["node", "client.mjs", function, json.dumps(params)],
            cwd=js_client,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        if "error" in answer:
            raise ClientFailed(**answer["error"])
        return answer["value"]

    return run


def test_who_am_i(call: Call) -> None:
    identity = call("whoAmI")
    assert (identity["type"], identity["name"]) == ("user", "local")
    assert identity["auth"]["accessToken"]["role"] == "write"


def test_repo_is_created_once_and_then_exists(hub: RunningHub, call: Call) -> None:
    assert call("repoExists", repo="js-create/m") is False
    assert call("createRepo", repo="js-create/m")["repoUrl"] == f"{hub.url}/js-create/m"
    assert call("repoExists", repo="js-create/m") is True
    with pytest.raises(ClientFailed) as failed:
        call("createRepo", repo="js-create/m")
    assert failed.value.status == 409


def test_files_go_up_in_one_commit_and_come_back(
    hub: RunningHub, call: Call, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"0123456789" * (LFS_FILE_BYTES // 10))
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    hub.store.create_repo("js-files/m")
    before = hub.store.head("js-files/m")
    sent = call(
        "uploadFiles",
        repo="js-files/m",
        files=[{"path": "a/note.txt", "text": "hello"}, {"path": "w.bin", "file": str(weights)}],
        commitTitle="Add both",
        parentCommit=before,
    )
    head = hub.store.head("js-files/m")
    assert sent["commit"] == {"oid": head, "url": f"{hub.url}/js-files/m/commit/{head}"}

    listed = {item["path"]: item for item in call("listFiles", repo="js-files/m", recursive=True)}
    assert sorted(listed) == [".gitattributes", "a", "a/note.txt", "w.bin"]
    assert (listed["w.bin"]["size"], listed["w.bin"]["lfs"]["oid"]) == (LFS_FILE_BYTES, sha256)
    assert "lfs" not in listed["a/note.txt"]

    assert call("fileExists", repo="js-files/m", path="w.bin") is True
    assert call("fileExists", repo="js-files/m", path="absent.bin") is False
    assert call("downloadFile", repo="js-files/m", path="a/note.txt") == "hello"
    assert call("downloadFile", repo="js-files/m", path="absent.bin") is None
    downloaded = call("downloadFile", repo="js-files/m", path="w.bin")
    assert hashlib.sha256(downloaded.encode()).hexdigest() == sha256

    commits = call("listCommits", repo="js-files/m")
    assert [(commit["oid"], commit["title"]) for commit in commits] == [
        (head, "Add both"),
        (before, "initial commit"),
    ]


def test_paths_info_is_asked_as_json(hub: RunningHub, call: Call) -> None:
    hub.store.create_repo("js-paths/m")
    (found,) = call("pathsInfo", repo="js-paths/m", paths=[".gitattributes", "absent"])
    assert (found["path"], found["type"]) == (".gitattributes", "file")


def test_models_are_listed_by_owner(hub: RunningHub, call: Call) -> None:
    for name in ("one", "two"):
        hub.store.create_repo(f"js-list/{name}")
    found = call("listModels", search={"owner": "js-list"})
    assert sorted(model["name"] for model in found) == ["js-list/one", "js-list/two"]
    assert call("modelInfo", name="js-list/one")["name"] == "js-list/one"


def test_branch_is_created_from_main(hub: RunningHub, call: Call) -> None:
    hub.store.create_repo("js-branch/m")
    call("createBranch", repo="js-branch/m", branch="dev")
    main, branch = (
        call("listCommits", repo="js-branch/m", revision=revision) for revision in ("main", "dev")
    )
    assert branch == main


def test_pull_request_leaves_main_alone(hub: RunningHub, call: Call) -> None:
    hub.store.create_repo("js-pr/m")
    before = hub.store.head("js-pr/m")
    files = [{"path": "a.txt", "text": "a"}]
    sent = call("uploadFiles", repo="js-pr/m", files=files, isPullRequest=True)
    assert sent["pullRequestUrl"] == f"{hub.url}/js-pr/m/discussions/1"
    assert hub.store.head("js-pr/m") == before
    assert call("downloadFile", repo="js-pr/m", path="a.txt", revision="refs/pr/1") == "a"


def test_stale_parent_is_refused(hub: RunningHub, call: Call) -> None:
    hub.store.create_repo("js-stale/m")
    parent = hub.store.head("js-stale/m")
    first, second = ([{"path": "a.txt", "text": text}] for text in "ab")
    call("uploadFiles", repo="js-stale/m", files=first, parentCommit=parent)
    with pytest.raises(ClientFailed) as failed:
        call("uploadFiles", repo="js-stale/m", files=second, parentCommit=parent)
    assert failed.value.status == 412
    assert call("downloadFile", repo="js-stale/m", path="a.txt") == "a"


def test_invalid_card_is_refused_whole(hub: RunningHub, call: Call) -> None:
    hub.store.create_repo("js-card/m")
    before = hub.store.head("js-card/m")
    card = "---\nlicense: apache-2.0-or-later\n---\n"
    files = [{"path": "a.txt", "text": "a"}, {"path": "README.md", "text": card}]
    with pytest.raises(ClientFailed) as failed:
        call("uploadFiles", repo="js-card/m", files=files)
    assert failed.value.status == 400
    assert hub.store.head("js-card/m") == before


def test_collection_is_created_and_listed(call: Call) -> None:
    made = call("createCollection", collection={"title": "Quants", "namespace": "js-shelf"})
    found = call("listCollections", search={"owner": ["js-shelf"]})
    assert [(item["slug"], item["title"]) for item in found] == [(made["slug"], "Quants")]


MIXED = {
    **packed_linear("model.a", 64, 512, 4),
    **packed_linear("model.b", 64, 512, 8),
    "model.norm.weight": ("BF16", (256,)),
    "model.scalar": ("F32", ()),
}
MIXED_CONFIG = {"quantization": {"bits": 4, "group_size": 64, "model.b": {"bits": 8}}}
COUNTED: dict[str, tuple[dict[str, Any], dict[str, bytes], dict[str, int]]] = {
    "mixed-4-8": (
        MIXED_CONFIG,
        {"model.safetensors": safetensors_bytes(MIXED)},
        {"U32": 2 * 64 * 512, "BF16": 256},
    ),
    "misspelt-module": (
        {"quantization": {"bits": 4, "group_size": 64, "b": {"bits": 8}}},
        {"model.safetensors": safetensors_bytes(MIXED)},
        {"U32": 64 * 512 + 64 * 1024, "BF16": 256},
    ),
    "odd-widths": (
        {
            "quantization_config": {
                "bits": 3,
                "group_size": 32,
                "m.b": {"bits": 6, "group_size": 32},
            }
        },
        {
            "model.safetensors": safetensors_bytes(
                {**packed_linear("m.a", 8, 96, 3, 32), **packed_linear("m.b", 8, 96, 6, 32)}
            )
        },
        {"U32": 2 * 8 * 96},
    ),
    "mxfp4-in-text-config": (
        {"text_config": {"quantization": {"mode": "mxfp4", "group_size": 32, "bits": 4}}},
        {
            "model.safetensors": safetensors_bytes(
                packed_linear("m", 8, 64, 4, 32, biases=False) | {"free.scales": ("BF16", (5,))}
            )
        },
        {"U32": 8 * 64, "BF16": 5},
    ),
    "excluded-module": (
        {"quantization": {"bits": 4, "group_size": 64, "model.b": False}},
        {"model.safetensors": safetensors_bytes(MIXED)},
        {"U32": 64 * 512 + 64 * 128, "BF16": 2 * 64 * 8 + 256},
    ),
    "sidecar-in-index": (
        MIXED_CONFIG,
        {
            "model-00001-of-00001.safetensors": safetensors_bytes(MIXED),
            "optiq_vision.safetensors": safetensors_bytes({"vision_tower.w": ("BF16", (10, 10))}),
            "optiq/mtp.safetensors": safetensors_bytes({"mtp.w": ("BF16", (99,))}),
            INDEX: json.dumps(
                {
                    "metadata": {"total_size": 1, "total_parameters": 65_892},
                    "weight_map": {
                        **dict.fromkeys(MIXED, "model-00001-of-00001.safetensors"),
                        "vision_tower.w": "optiq_vision.safetensors",
                    },
                }
            ).encode(),
        },
        {"U32": 2 * 64 * 512, "BF16": 356},
    ),
}


@pytest.mark.parametrize("case", COUNTED)
def test_both_clients_and_the_hub_count_the_same_parameters(
    hub: RunningHub, call: Call, tmp_path: Path, case: str
) -> None:
    config, files, expected = COUNTED[case]
    for path, content in {**files, "config.json": json.dumps(config).encode()}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    repo = f"js-count/{case}"
    hub.store.seed_repo(repo, tmp_path)
    counted = call("parseSafetensorsMetadata", repo=repo, computeParametersCount=True)
    entry = hub.store.repos.get(repo)
    derived = hub.store.history.derived(entry, hub.store.history.resolve(entry, "main"))
    assert counted["parameterCount"] == expected
    assert derived["safetensors"] == {"parameters": expected, "total": sum(expected.values())}
