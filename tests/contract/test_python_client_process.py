"""What needs a client or a Hub in a process of its own: cards, the `hf` command, a killed server."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from huggingface_hub import HfApi

from hubtool.localhub.server import ServerInfo, joined_hub, server_info
from hubtool.localhub.store import Store
from tests.support.localhub import CARD, HubSession


def hf(hub: HubSession, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The `hf` command with this Hub as its only one."""
    command = [shutil.which("hf", path=Path(sys.executable).parent) or "hf", *arguments]
    return subprocess.run(
        command, env=hub.environment(home), capture_output=True, text=True, timeout=60
    )


def test_model_card_is_pushed_and_loaded(hub: HubSession, tmp_path: Path) -> None:
    repo = hub.repo("m")
    script = f"""
import hashlib
import json
from huggingface_hub import ModelCard
ModelCard({CARD!r}).push_to_hub({repo!r})
card = ModelCard.load({repo!r})
print(json.dumps([card.data.to_dict(), card.text]))
"""
    assert hub.run_python(script, tmp_path) == [
        {"license": "mit", "pipeline_tag": "text-generation", "tags": ["mlx"]},
        "# A model\n",
    ]
    assert len(hub.requests("POST", "/api/validate-yaml")) >= 1


def test_hf_command_signs_in_uploads_and_downloads(hub: HubSession, tmp_path: Path) -> None:
    folder, home, back = (tmp_path / name for name in ("folder", "home", "back"))
    folder.mkdir()
    (folder / "README.md").write_text(CARD)
    (folder / "w.safetensors").write_bytes(os.urandom(100_000))
    who = hf(hub, home, "auth", "whoami")
    assert (who.returncode, "local" in who.stdout) == (0, True), who.stderr
    repo = f"{hub.org}/by-hand"
    up = hf(hub, home, "upload", repo, str(folder))
    assert up.returncode == 0, up.stderr
    down = hf(hub, home, "download", repo, "--local-dir", str(back))
    assert down.returncode == 0, down.stderr
    for name in ("README.md", "w.safetensors"):
        assert (back / name).read_bytes() == (folder / name).read_bytes()


def serve(root: Path, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """``hubtool hub serve`` in a process of its own, and what it says of itself."""
    command = [sys.executable, "-m", "hubtool", "hub", "serve", "--json", "--root", str(root)]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def upload_address(url: str, token: str, content: bytes) -> str:
    """Where an LFS object is to be sent."""
    wanted = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [wanted]}
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{url}/org/m.git/info/lfs/objects/batch"
    with urlopen(Request(address, data=json.dumps(batch).encode(), headers=headers)) as answer:
        return str(json.load(answer)["objects"][0]["actions"]["upload"]["href"])


def test_killed_server_leaves_a_valid_store(tmp_path: Path) -> None:
    root = tmp_path / "hub"
    process, said = serve(root, "--fault", "lfs-upload:slow=500000")
    info = server_info(root)
    assert info is not None
    assert (info.url, info.pid) == (said["url"], process.pid)
    api = HfApi(endpoint=info.url, token=Path(said["token_path"]).read_text())
    api.create_repo("org/m")
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id="org/m")

    content = bytes(5_000_000)
    href = upload_address(info.url, info.token, content)

    def doomed() -> None:  # sent once: the real client would go on trying for half a minute
        with pytest.raises(OSError):
            urlopen(Request(href, data=content, method="PUT"))

    thread = threading.Thread(target=doomed)
    thread.start()
    while not list(root.glob("uploads/*")):
        assert thread.is_alive()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(root.glob("uploads/*")) != []
    assert server_info(root) is None
    with Store(root) as store:
        assert list(root.glob("uploads/*")) == []
        assert list(store.tree("org/m")) == [".gitattributes", "a.txt"]
    thread.join()


def test_second_hub_joins_the_first_and_ctrl_c_stops_it(tmp_path: Path) -> None:
    root = tmp_path / "hub"
    process, said = serve(root)
    with joined_hub(root) as (url, token):
        assert url == said["url"]
        assert HfApi(endpoint=url, token=token).whoami()["name"] == "local"
    second = subprocess.run(
        [sys.executable, "-m", "hubtool", "hub", "serve", "--root", str(root)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (second.returncode, "another process uses this folder" in second.stderr) == (2, True)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0
    assert server_info(root) is None
    with joined_hub(root) as (url, token):
        assert server_info(root) == ServerInfo(os.getpid(), url, token)
    assert server_info(root) is None
