"""The lock file beside a manifest: which commit of the base its first run was pinned to."""

from __future__ import annotations

from pathlib import Path

import yaml

from hubtool.records import write_whole
from hubtool.release.manifest import ReleaseManifest


def pinned(manifest: ReleaseManifest, file: Path | None) -> ReleaseManifest:
    """``manifest`` with the locked revision, if its file has a lock for the same base."""
    if file is None or manifest.revision is not None or not _lock(file).is_file():
        return manifest
    locked = yaml.safe_load(_lock(file).read_text(encoding="utf-8"))
    if not isinstance(locked, dict) or locked.get("base") != manifest.base:
        return manifest
    return manifest.model_copy(update={"revision": locked.get("revision")})


def remember_pin(file: Path | None, base: str, revision: str) -> None:
    """Write the lock beside the manifest file, if there is a file and the pin is new."""
    if file is None:
        return
    text = (
        "# The commit that this release was pinned to. Delete this file to move on.\n"
        + yaml.safe_dump({"base": base, "revision": revision}, sort_keys=False)
    )
    lock = _lock(file)
    if not lock.is_file() or lock.read_text(encoding="utf-8") != text:
        write_whole(lock, text)


def _lock(file: Path) -> Path:
    return file.with_suffix(".lock.yaml")
