"""Bad input: its own clear error and exit code, nothing published, nothing downloaded in vain."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubtool.artifact.identity import weights_sha256
from hubtool.localhub.server import RunningHub, start_local_hub
from tests.support.release import environment, hubtool

CARD = "---\nlicense: {licence}\n---\n# Tiny\n"


def write_card(folder: Path, licence: str) -> None:
    (folder / "README.md").write_text(CARD.format(licence=licence))


def no_licence(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlanguage: en\n---\n# Tiny\n")


def only_pickles(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def truncated_shard(folder: Path) -> None:
    shard = folder / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])


def header_of_10_gb(folder: Path) -> None:
    shard = folder / "model.safetensors"
    shard.write_bytes(struct.pack("<Q", 10_000_000_000) + shard.read_bytes()[8:])


def index_that_leaves(folder: Path) -> None:
    index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": "../../x"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def config_change(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def licence(name: str) -> Callable[[Path], None]:
    return lambda folder: write_card(folder, name)


CASES = {
    "a base of pickles only": (only_pickles, 3, "only pickled weights"),
    "a broken shard": (truncated_shard, 2, "model.safetensors"),
    "a header that claims 10 GB": (header_of_10_gb, 2, "10000000000"),
    "an index that points outside": (index_that_leaves, 3, "../../x"),
    "a tower without tensors": (config_change(vision_config={"depth": 2}), 1, "vision_config"),
    "an unknown architecture": (config_change(model_type="llamba9"), 2, "llamba9"),
    "no derivatives": (licence("cc-by-nd-4.0"), 3, "cc-by-nd-4.0"),
    "no licence": (no_licence, 3, "licence"),
    "licence unknown": (licence("unknown"), 3, "unknown"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_base_is_refused_before_anything_is_published(
    case: str, tiny_hub: RunningHub, tiny_llama: Path, tmp_path: Path
) -> None:
    spoil, code, words = CASES[case]
    folder = tmp_path / "base"
    shutil.copytree(tiny_llama, folder)
    spoil(folder)
    tiny_hub.store.seed_repo("acme/bad", folder)
    done = release("acme/bad", tiny_hub, tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.replace(",", "")
    assert "fix: " in done.stderr
    assert "Traceback" not in done.stderr
    assert tiny_hub.store.head("me/bad-OptiQ-4bit") is None


def release(
    base: str, hub: RunningHub, folder: Path, *extra: str, token: str | None = None
) -> subprocess.CompletedProcess[str]:
    env = environment(folder / "home", token=token or hub.token)
    arguments = ("release", base, "--org", "me", "--hub", hub.url, "--calibration-tokens", "96")
    return hubtool(*arguments, *extra, cwd=folder, env=env)


def test_no_such_base(tiny_hub: RunningHub, tmp_path: Path) -> None:
    done = release("acme/nothing", tiny_hub, tmp_path)
    assert done.returncode == 2, done.stderr
    assert "acme/nothing" in done.stderr


def test_no_such_revision(tiny_hub: RunningHub, tmp_path: Path) -> None:
    done = release("acme/tiny-llama", tiny_hub, tmp_path, "--revision", "v9")
    assert done.returncode == 2, done.stderr
    assert "v9" in done.stderr


def test_a_gated_base(tiny_llama: Path, tmp_path: Path) -> None:
    with start_local_hub(tmp_path / "hub", open_namespaces=False) as strict:
        strict.store.create_org("gatekeeper")
        strict.store.seed_repo("gatekeeper/gated", tiny_llama, gated="manual")
        token = strict.store.create_user("stranger")
        done = release("gatekeeper/gated", strict, tmp_path, "--org", "stranger", token=token)
    assert done.returncode == 2, done.stderr
    assert "accept its terms on its page" in done.stderr


def test_no_write_permission_is_found_before_any_download(
    tiny_hub: RunningHub, tmp_path: Path
) -> None:
    reader = tiny_hub.store.accounts.create_user("reader", token_role="read")
    tiny_hub.log.clear()
    done = release("acme/tiny-llama", tiny_hub, tmp_path, token=reader)
    assert done.returncode == 3, done.stderr
    assert "write" in done.stderr
    assert not [entry for entry in tiny_hub.log if "safetensors" in entry.path]


def test_no_token(tiny_hub: RunningHub, tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    arguments = ("release", "acme/tiny-llama", "--org", "me", "--hub", tiny_hub.url)
    done = hubtool(*arguments, cwd=tmp_path, env=env)
    assert done.returncode == 2, done.stderr
    assert "hf auth login" in done.stderr


def test_sensitivities_of_other_weights_in_a_repo(
    tiny_hub: RunningHub, tiny_llama: Path, tmp_path: Path
) -> None:
    """The repo's file says which weights it was measured on."""
    layer = {"layer_name": "lm_head", "sensitivities": {"4": 0.1, "8": 0.01}, "param_count": 8192}
    how = {"method": "fisher", "reference": "bf16", "reference_reason": "fits", "dtype": "float32"}
    measurement = {**how, "calibration": None, "base_sha256": "b" * 64}
    (tmp_path / "other").mkdir()
    (tmp_path / "other/sensitivity.json").write_text(
        json.dumps({"hubtool_measurement": measurement, "layers": [layer]})
    )
    tiny_hub.store.seed_repo("acme/other", tmp_path / "other")
    done = release("acme/tiny-llama", tiny_hub, tmp_path, "--sensitivity", "acme/other")
    assert done.returncode == 2, done.stderr
    assert "acme/other: base_sha256: measured on weights bbbbbbbbbbbb" in done.stderr
    assert weights_sha256(tiny_llama)[:12] in done.stderr
    assert tiny_hub.store.head("me/tiny-llama-OptiQ-4bit") is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1 MB, where this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs needs root on Linux")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(tiny_hub: RunningHub, tmp_path: Path, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"0" * 900_000)
    workdir = ("--workdir", str(small_disk / "work"))
    full = release("acme/tiny-llama", tiny_hub, tmp_path, *workdir)
    assert full.returncode == 2, full.stderr
    assert "room" in full.stderr
    assert "Traceback" not in full.stderr
