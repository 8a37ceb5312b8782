"""The lock file beside a manifest: the base's commit and the tools that a release was made with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hubtool.card.provenance import OTHER_TOOL, tools_of
from hubtool.errors import LockOutOfDate, ManifestInvalid
from hubtool.quantize.optiq_files import TOOL
from hubtool.records import write_whole
from hubtool.release.manifest import ReleaseManifest

SUFFIX = ".lock.yaml"
HEAD = "# Written by hubtool: what a release is made from. `hubtool lock --upgrade` moves on.\n"


# names and versions and nothing else: what stands here reaches pip in a job that may publish
Tool = Annotated[str, Field(pattern=r"^(hubtool|mlx|mlx-lm)$")]
Version = Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+!-]*$", max_length=60)]


class Lock(BaseModel):
    """What is pinned. ``asked`` is the manifest's own ``revision`` at that time."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    base: str
    asked: str | None = None
    revision: str = Field(pattern="^[0-9a-f]{40}$")
    tools: dict[Tool, Version] = {}

    def fits(self, manifest: ReleaseManifest) -> bool:
        """Whether it was written for what the manifest asks now."""
        return (self.base, self.asked) == (manifest.base, manifest.revision)


@dataclasses.dataclass(frozen=True)
class Difference:
    """What a release now would change: the field of the lock, and both values."""

    field: str
    locked: str
    now: str


def lock_path(file: Path) -> Path:
    """Where the lock of a manifest file is."""
    return file.with_suffix(SUFFIX)


def read_lock(file: Path) -> Lock | None:
    """The lock of a manifest file, None without one. Raises ManifestInvalid."""
    path = lock_path(file)
    if not path.is_file():
        return None
    try:
        return Lock.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestInvalid(f"{path} is not YAML: {error}", _rewrite(file)) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ManifestInvalid(f"{path}: {field}: {first['msg']}", _rewrite(file)) from error


def pinned(manifest: ReleaseManifest, file: Path | None) -> ReleaseManifest:
    """``manifest`` with the locked revision, if its file has a lock for the same request."""
    lock = read_lock(file) if file is not None else None
    if lock is None or not lock.fits(manifest):
        return manifest
    return manifest.model_copy(update={"revision": lock.revision})


def remember_pin(file: Path | None, manifest: ReleaseManifest, revision: str) -> None:
    """Write the lock beside the manifest file, if there is a file and something is new in it.

    ``manifest`` is what was asked, before :func:`pinned`.
    """
    if file is None:
        return
    write_lock(file, lock_of(manifest, revision))


def lock_of(manifest: ReleaseManifest, revision: str) -> Lock:
    """The lock of a release that is made here and now, from the base at ``revision``."""
    return Lock(
        base=manifest.base,
        asked=manifest.revision,
        revision=revision,
        tools=tools_of(OTHER_TOOL if manifest.quant else TOOL),
    )


def write_lock(file: Path, lock: Lock) -> bool:
    """Write it beside the manifest ``file``; whether that changed anything."""
    text = HEAD + yaml.safe_dump(lock.model_dump(), sort_keys=False)
    path = lock_path(file)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_whole(path, text)
    return True


def differences(manifest: ReleaseManifest, lock: Lock) -> tuple[Difference, ...]:
    """What a release of ``manifest`` by the tools of this environment would change."""
    found = []
    if lock.base != manifest.base:
        found.append(Difference("base", lock.base, manifest.base))
    if lock.asked != manifest.revision:
        found.append(Difference("asked", str(lock.asked), str(manifest.revision)))
    here = lock_of(manifest, lock.revision).tools
    for name in sorted({*here, *lock.tools}):
        if here.get(name) != lock.tools.get(name):
            versions = (str(side.get(name, "none")) for side in (lock.tools, here))
            found.append(Difference(f"tools.{name}", *versions))
    return tuple(found)


def require_locked(manifest: ReleaseManifest, file: Path | None, shown: str) -> None:
    """Raise LockOutOfDate unless the manifest's lock holds all that a release now would use.

    ``shown`` is what the manifest is called in the message.
    """
    lock = read_lock(file) if file is not None else None
    if lock is None:
        raise LockOutOfDate(f"{shown} has no lock file", f"`hubtool lock {shown}`, then commit it")
    found = differences(manifest, lock)
    if found:
        said = "; ".join(f"{one.field} is locked at {one.locked}, now {one.now}" for one in found)
        only_tools = all(one.field.startswith("tools.") for one in found)
        install = "install what is locked (`hubtool lock --tools`), or " if only_tools else ""
        raise LockOutOfDate(
            f"{shown}: {said}",
            f"{install}commit a new lock: `hubtool lock {shown}`",
            differences=[dataclasses.asdict(one) for one in found],
        )


def locked_tools(locks: Sequence[tuple[Path, Lock]]) -> dict[str, str]:
    """Package -> version that all the locks name. Raises LockOutOfDate where two disagree."""
    tools: dict[str, str] = {}
    said: dict[str, Path] = {}
    for file, lock in locks:
        for name, version in lock.tools.items():
            if tools.setdefault(name, version) != version:
                one, other = lock_path(said[name]), lock_path(file)
                raise LockOutOfDate(
                    f"{one} has {name} {tools[name]}, {other} has {version}",
                    "name one manifest, or `hubtool lock` all of them anew",
                )
            said.setdefault(name, file)
    return tools


def renew(
    file: Path,
    manifest: ReleaseManifest,
    resolve: Callable[[str, str | None], str],
    *,
    upgrade: bool,
) -> Lock:
    """The lock that belongs beside ``file`` now; a revision that is pinned stays.

    ``resolve(repo, revision)`` asks the Hub for a commit; ``upgrade`` asks even if one is pinned.
    """
    old = read_lock(file)
    keep = old is not None and old.fits(manifest) and not upgrade
    revision = old.revision if old and keep else resolve(manifest.base, manifest.revision)
    return lock_of(manifest, revision)


def _rewrite(file: Path) -> str:
    return f"delete it and run `hubtool lock {file}`"


def manifest_files(folder: Path) -> list[Path]:
    """The manifests in a folder and below it, by name."""
    files = sorted(folder.rglob("*.yaml"))
    return [file for file in files if not file.name.endswith(SUFFIX)]


def lock_json(file: Path, lock: Lock) -> dict[str, Any]:
    """A lock as ``--json`` prints it."""
    return {"manifest": str(file), **lock.model_dump()}
