"""What the preview serves, to whom, and when it says that something has changed."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hubtool.errors import ServingFailed
from hubtool.preview.app import RunningPreview, start_preview
from hubtool.preview.folder import FolderSource
from hubtool.preview.page import preview_page
from tests.support.previews import get, previewed
from tests.support.sound_quant import write, write_sound_quant
from tests.support.toy_weights import packed_linear, safetensors_bytes


@pytest.fixture(scope="module")
def quant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app") / "quant"
    write_sound_quant(folder)
    write("assets/bits.png", b"\x89PNG\r\n\x1a\n\x00")(folder)
    write("assets/page.html", "<script>1</script>")(folder)
    (folder.parent / "secret.txt").write_text("outside")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    return folder


@pytest.fixture(scope="module")
def running(quant: Path) -> Iterator[RunningPreview]:
    with previewed(FolderSource(quant)) as preview:
        yield preview


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("LICENSE", "text/plain; charset=utf-8"),
        ("assets/bits.png", "image/png"),
        ("assets/page.html", "text/plain; charset=utf-8"),
        ("README.md", "text/plain; charset=utf-8"),
    ],
)
def test_small_files_of_the_folder_are_served_and_can_do_nothing(
    running: RunningPreview, path: str, kind: str
) -> None:
    status, headers, _ = get(running, f"/resolve/main/{path}")
    assert (status, headers["content-type"]) == (200, kind)
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "assets/../../secret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..%5csecret.txt",
        "link.txt",
        "LICENSE%00.png",
        "assets",
        "",
        "model.safetensors",
        "absent.txt",
    ],
)
def test_nothing_else_is_served(running: RunningPreview, path: str) -> None:
    status, _, text = get(running, f"/resolve/main/{path}")
    assert (status, "outside" in text, "root:" in text) == (404, False, False)


def test_the_page_allows_one_script_and_a_new_nonce_each_time(running: RunningPreview) -> None:
    nonces = set()
    for _ in range(2):
        _, headers, html = get(running, "/")
        policy = headers["content-security-policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]{20,})';", policy)
        assert nonce is not None
        assert html.count(f'<script nonce="{nonce[1]}">') == html.count("<script") == 1
        assert policy.startswith("default-src 'none'; img-src 'self'; ")
        nonces.add(nonce[1])
    assert len(nonces) == 2


def test_a_foreign_host_name_is_refused(running: RunningPreview) -> None:
    for path in ("/", "/resolve/main/LICENSE", "/events"):
        assert get(running, path, Host="elsewhere.invalid")[0] == 400


def test_events_say_reload_once_for_each_change(quant: Path, running: RunningPreview) -> None:
    seen = re.search(r"seen=(\w+)", get(running, "/")[2])
    assert seen is not None
    stream = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=5)
    stream.request("GET", f"/events?seen={seen[1]}")
    answer = stream.getresponse()
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.readline() == b": still here\n"
    for number in range(2):
        write("optiq/extra.json", "1" * (number + 1))(quant)
        started = time.monotonic()
        lines = iter(answer.readline, b"data: reload\n")
        assert set(lines) <= {b"\n", b": still here\n"}
        assert time.monotonic() - started < 2
    stream.close()


def test_a_page_from_before_the_change_is_told_at_once(running: RunningPreview) -> None:
    stream = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=5)
    stream.request("GET", "/events?seen=older")
    assert stream.getresponse().readline() == b"data: reload\n"
    stream.close()


def test_stopping_ends_open_streams(quant: Path) -> None:
    running = start_preview(FolderSource(quant))
    stream = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=5)
    stream.request("GET", "/events")
    answer = stream.getresponse()
    answer.readline()
    stopper = threading.Thread(target=running.stop)
    stopper.start()
    answer.read()
    stopper.join(timeout=3)
    assert not stopper.is_alive()
    stream.close()


def test_a_port_in_use_is_told(running: RunningPreview, quant: Path) -> None:
    port = urlsplit(running.url).port
    assert port is not None
    with pytest.raises(ServingFailed, match=f"port {port} on 127.0.0.1 cannot be used"):
        start_preview(FolderSource(quant), port=port)


def test_weights_are_read_by_their_headers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "quant"
    write_sound_quant(folder)
    tensors = {**packed_linear("a", 128, 64, 4), "model.embed.weight": ("BF16", (10_000, 1_000))}
    write("model.safetensors", safetensors_bytes(tensors, {"format": "mlx"}))(folder)
    read = 0
    read_range = FolderSource.read_range

    def counted(self: FolderSource, path: str, start: int, length: int) -> bytes:
        nonlocal read
        found = read_range(self, path, start, length)
        read += len(found) if path == "model.safetensors" else 0
        return found

    monkeypatch.setattr(FolderSource, "read_range", counted)
    html, status = preview_page(FolderSource(folder, as_is=True), "nonce")
    assert (status, "10M params" in html) == (200, True)
    assert 0 < read < 250_000
