"""A local Hub for a test session, and clients that talk to it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hubtool.localhub.server import RunningHub, start_local_hub

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from hubtool.localhub.app import LoggedRequest

_numbers = itertools.count(1)

CARD = "---\nlicense: mit\npipeline_tag: text-generation\ntags:\n- mlx\n---\n# A model\n"


def client_environment(running: RunningHub, home: Path) -> dict[str, str]:
    """For a child process whose client knows only this Hub."""
    return {
        **os.environ,
        "HF_ENDPOINT": running.url,
        "HF_TOKEN": running.token,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
    }


@dataclasses.dataclass
class HubSession:
    """The session's Hub as one test sees it: an organisation of its own, requests since its start."""

    running: RunningHub
    org: str
    log_start: int

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def token(self) -> str:
        return self.running.token

    def api(self, token: str | bool | None = None) -> HfApi:
        """The real client, as the user ``local`` if no token is given."""
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.url, token=self.token if token is None else token)

    def repo(self, name: str, **settings: Any) -> str:
        """The id of a new repo in the test's organisation."""
        repo_id = f"{self.org}/{name}"
        self.api().create_repo(repo_id, **settings)
        return repo_id

    def requests(self, method: str, part: str) -> list[LoggedRequest]:
        """Requests of this test by method and by a part of the path."""
        mine = self.running.log[self.log_start :]
        return [one for one in mine if one.method == method and part in one.path]

    def environment(self, home: Path) -> dict[str, str]:
        """For a child process that runs a client."""
        return client_environment(self.running, home)

    def run_python(self, script: str, home: Path) -> Any:
        """Run a script in a child whose client knows only this Hub; its stdout as JSON."""
        command = [sys.executable, "-c", script]
        done = subprocess.run(
            command, env=self.environment(home), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def session_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One Hub for all tests of the session."""
    with start_local_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def hub(session_hub: RunningHub) -> Iterator[HubSession]:
    """The session's Hub; a request that no route answers fails the test by its name."""
    session_hub.unknown.clear()
    yield HubSession(session_hub, f"org-{next(_numbers)}-{os.getpid()}", len(session_hub.log))
    session_hub.faults.clear()
    assert session_hub.unknown == [], "the local Hub has no route for these"


@pytest.fixture
def strict_hub(tmp_path: Path) -> Iterator[HubSession]:
    """A Hub of its own that enforces roles; the organisation has no member yet."""
    with start_local_hub(tmp_path / "strict", open_namespaces=False) as running:
        running.store.create_org("lab")
        yield HubSession(running, "lab", 0)
        assert running.unknown == [], "the local Hub has no route for these"


def safetensors_bytes(tensors: dict[str, tuple[str, list[int]]]) -> bytes:
    """A safetensors file of zeros: name -> (dtype, shape)."""
    widths = {"BF16": 2, "F32": 4, "U32": 4}
    header: dict[str, Any] = {"__metadata__": {"format": "mlx"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + widths[dtype] * _product(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def _product(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
