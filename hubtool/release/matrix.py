"""The releases of a tag as a workflow's matrix: one manifest a job, with the keys of its caches."""

from __future__ import annotations

import dataclasses
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.card.provenance import tools_of
from hubtool.errors import GitUnusable, MatrixTooLarge, NoManifestForTag
from hubtool.quantize.optiq_files import TOOL
from hubtool.records import fingerprint_of
from hubtool.release.git_tag import changed_manifests, manifests_at, manifests_of_tag, read_tag
from hubtool.release.git_tree import export_tree
from hubtool.release.lockfile import pinned, read_lock
from hubtool.release.manifest import ReleaseManifest, load_manifest
from hubtool.release.stages.allocate import Allocate
from hubtool.release.stages.fetch import Fetch
from hubtool.release.stages.measure import Measure
from hubtool.release.stages.quantize import Quantize
from hubtool.release.stages.settle import Settle
from hubtool.release.stages.split import Split

if TYPE_CHECKING:
    from git import Repo

MOST_JOBS = 256  # of one matrix on GitHub
KEY_DIGITS = 20


@dataclasses.dataclass(frozen=True)
class Job:
    """One release. ``work`` is its folder below ``.hubtool``; keys are fingerprints of contents."""

    manifest: str  # path in the repository
    name: str  # the manifest's, for people
    repo: str  # Hub id of the quant
    base: str  # Hub id of the base
    work: str
    tools: str  # the locked ones as requirements for pip, one a line; empty without a lock
    base_key: str  # the base's snapshot
    measurement_key: str  # what was measured of it
    quant_key: str  # the weights that were made from both


def jobs_of(
    repo: Repo,
    *,
    tag: str | None,
    changed_since: str | None,
    only: str | None,
    flags: dict[str, Any],
) -> tuple[Job, ...]:
    """The releases of a tag, or those at HEAD: all, or the ones changed since a tag.

    ``only`` names one manifest; ``flags`` are laid over every manifest, as a release would.
    Raises what reading a tag and its manifests raises, and MatrixTooLarge.
    """
    if tag is not None:
        found = read_tag(repo, tag)
        commit = found.commit
        paths = manifests_at(repo, commit) if only else manifests_of_tag(repo, found)
    else:
        commit = _head(repo)
        paths = manifests_at(repo, commit)
    if changed_since is not None:
        changed = changed_manifests(repo, changed_since, commit)
        paths = tuple(path for path in paths if path in changed)
    if only is not None:
        if only not in manifests_at(repo, commit):
            raise NoManifestForTag(
                f"{tag or 'HEAD'} has no {only}",
                "name a manifest by its path in the repository, such as releases/NAME.yaml",
            )
        paths = tuple(path for path in paths if path == only)
    if len(paths) > MOST_JOBS:
        raise MatrixTooLarge(
            f"{len(paths)} manifests; a matrix of GitHub has at most {MOST_JOBS} jobs",
            "release them by several tags, such as NAME/version",
        )
    with tempfile.TemporaryDirectory() as folder:
        export_tree(repo, commit, Path(folder))
        return tuple(_job(Path(folder), path, flags) for path in paths)


def _head(repo: Repo) -> str:
    try:
        return str(repo.head.commit.hexsha)
    except ValueError as error:
        raise GitUnusable(
            "the repository has no commit yet", "commit the manifests, or check out a branch"
        ) from error


def _job(tree: Path, path: str, flags: dict[str, Any]) -> Job:
    file = tree / path
    asked = load_manifest(file, flags)
    lock = read_lock(file)
    tools = lock.tools if lock and lock.fits(asked) else {}
    manifest = pinned(asked, file)
    base, measurement, quant = cache_keys(manifest, tools or tools_of(TOOL))
    return Job(
        manifest=path,
        name=file.stem,
        repo=manifest.target_repo,
        base=manifest.base,
        work=manifest.target_repo.replace("/", "--"),
        tools="\n".join(f"{name}=={version}" for name, version in tools.items()),
        base_key=base,
        measurement_key=measurement,
        quant_key=quant,
    )


def cache_keys(manifest: ReleaseManifest, tools: dict[str, str]) -> tuple[str, str, str]:
    """Keys for the caches of base, measurement and quant: equal inputs, equal keys.

    A key only says where to look: what is found there is used if the journal and
    the files' own sizes and hashes agree, so a wrong hit costs time and no more.
    """
    base = {"base": manifest.base, "revision": manifest.revision}
    made_by = {"tools": tools, "on": [sys.platform, platform.machine()]}
    measure = dataclasses.asdict(Measure().options(manifest))
    measure.pop("calibration")  # a path; what it holds is hashed beside it
    making = {
        "settle": dataclasses.asdict(Settle().options(manifest)),
        "allocate": dataclasses.asdict(Allocate().options(manifest)),
        "split": dataclasses.asdict(Split().options(manifest)),
        "fetch": dataclasses.asdict(Fetch().options(manifest)),
        "code": manifest.quantize.trust_remote_code,
    }
    versions = [f"{one.name} {one.version}" for one in (Measure, Settle, Allocate, Quantize, Split)]
    measurement = {**base, **made_by, "measure": measure, "version": versions[0]}  # Measure's
    keys = base, measurement, {**measurement, **making, "versions": versions}
    short = [fingerprint_of(one)[:KEY_DIGITS] for one in keys]
    return short[0], short[1], short[2]
