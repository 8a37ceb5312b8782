"""A tag of several manifests: one that fails stops no other; a base that no lock pins is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hubtool.localhub.server import RunningHub
from hubtool.release.lockfile import lock_of, write_lock
from hubtool.release.manifest import load_manifest
from tests.support.git_repo import Releases, manifest
from tests.support.release import BASE, QUANT, environment, hubtool

QUICKLY = {
    "quantize": "{target_bpw: 5.0, calibration_tokens: 96}",
    "verification": "{tokens: 96}",
}


@pytest.fixture
def releases(tmp_path: Path, prepared_work: Path) -> Releases:
    """``a``'s base is on no Hub; ``b``'s is, and its work is done up to the push."""
    made = Releases(tmp_path / "quants")
    files = {"releases/a.yaml": manifest("acme/none"), "releases/b.yaml": manifest(BASE, **QUICKLY)}
    made.commit_files(files)
    shutil.copytree(prepared_work, made.folder / ".hubtool")
    return made


def test_the_others_go_on_after_one_that_failed(releases: Releases, tiny_hub: RunningHub) -> None:
    releases.tag("v1")
    env = environment(releases.folder / "home", token=tiny_hub.token)
    done = hubtool("release", "--tag", "v1", "--hub", tiny_hub.url, cwd=releases.folder, env=env)
    assert done.returncode == 2, done.stderr
    assert f"{QUANT}: published" in done.stdout
    assert tiny_hub.store.head(QUANT) is not None
    last = done.stderr[done.stderr.rindex("error: ") :]
    assert "acme/none" in last


def test_a_manifest_whose_base_no_lock_pins_is_told_and_one_with_a_lock_is_not(
    releases: Releases, tiny_hub: RunningHub
) -> None:
    file = releases.folder / "releases/b.yaml"
    commit = tiny_hub.store.head(BASE)
    assert commit is not None
    write_lock(file, lock_of(load_manifest(file, {}), commit))
    lock = "releases/b.lock.yaml"
    releases.commit_files({lock: (releases.folder / lock).read_text()})
    releases.tag("v1")
    env = environment(releases.folder / "home", token=tiny_hub.token)
    asked = ("release", "--tag", "v1", "--hub", tiny_hub.url, "--dry-run")
    done = hubtool(*asked, cwd=releases.folder, env=env)
    warned = [line for line in done.stderr.splitlines() if "lock" in line]
    assert len(warned) == 1
    assert "warning: releases/a.yaml has no lock file in v1" in warned[0]
    assert "`hubtool lock releases/a.yaml` pins it" in warned[0]
