"""What ``hubtool release`` does once its flags are read: one manifest, or those of a git tag."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.card.provenance import GitSource
from hubtool.cli.receipt import print_result
from hubtool.console import Console
from hubtool.errors import HubtoolError
from hubtool.hub.tags import released_from
from hubtool.release.git_source import git_source
from hubtool.release.git_tag import is_ancestor, open_repo
from hubtool.release.github import (
    add_summary,
    plan_summary,
    release_summary,
    reported,
    set_outputs,
)
from hubtool.release.lockfile import pinned, read_lock, remember_pin, require_locked
from hubtool.release.manifest import ReleaseManifest, load_manifest
from hubtool.release.release import ReleaseResult
from hubtool.release.release import release as run_release
from hubtool.release.tagged import Tagged, tagged_manifests

if TYPE_CHECKING:
    from git import Repo

    from hubtool.hub.client import HubClient


@dataclasses.dataclass(frozen=True)
class Run:
    """How to release: the Hub, where the work folders are, and what the flags say of the run."""

    hub: HubClient
    work_root: Path
    console: Console
    dry_run: bool
    locked: bool


def release_manifest(file: Path | None, flags: dict[str, Any], run: Run) -> None:
    """Release what a manifest file and flags ask, and pin it in the lock beside the file."""
    asked = load_manifest(file, flags)
    subject = str(file) if file else asked.base
    with reported(subject, run.console):
        if run.locked:
            require_locked(asked, file, subject)
        result = _release(asked, file, git_source(file) if file else None, run)
    if not run.locked:
        remember_pin(file, asked, result.base_revision)
    _tell([result], run.console)


def release_tag(tag: str, only: Path | None, flags: dict[str, Any], run: Run) -> None:
    """Release every manifest of a git tag of the repository here, or ``only`` that one.

    One that fails stops no other: the first error is raised once all were tried.
    """
    results: list[ReleaseResult] = []
    failed: list[HubtoolError] = []
    with ExitStack() as stack:
        with reported(tag, run.console):
            repo = stack.enter_context(open_repo(Path()))
            found = stack.enter_context(
                tagged_manifests(
                    repo,
                    tag,
                    run.work_root,
                    only=only.as_posix() if only else None,
                    flags=flags,
                )
            )
        try:
            for one in found:
                try:
                    with reported(one.path, run.console):
                        _require_or_warn_of_lock(one, run)
                        results.append(_release(one.manifest, one.file, one.git, run))
                        _warn_if_older(repo, one.git, results[-1], run)
                except HubtoolError as error:
                    if failed:  # the first is printed where it is raised
                        run.console.error(f"error: {one.path}: {error.message} ({error.id})")
                        run.console.annotate("error", error.message, title=error.id, file=one.path)
                    failed.append(error)
        finally:
            _tell(results, run.console)
    if failed:
        raise failed[0]
    if not results:
        run.console.result(f"{tag}: no manifest changed since the tag before; nothing to do")


def _require_or_warn_of_lock(one: Tagged, run: Run) -> None:
    """Raise LockOutOfDate with ``--locked``; else say so if no lock pins the base."""
    if run.locked:
        require_locked(one.manifest, one.file, one.path)
        return
    lock = read_lock(one.file)
    if lock is not None and lock.fits(one.manifest):
        return
    what = "has no lock file" if lock is None else "has a lock of another base or revision"
    run.console.warn(
        f"{one.path} {what} in {one.git.tag}: the base is whatever it is on the Hub now. "
        f"`hubtool lock {one.path}` pins it; commit it before the tag"
    )


def _release(
    asked: ReleaseManifest, file: Path | None, git: GitSource | None, run: Run
) -> ReleaseResult:
    result = run_release(
        pinned(asked, file),
        hub=run.hub,
        work_root=run.work_root,
        console=run.console,
        dry_run=run.dry_run,
        git=git,
    )
    print_result(result, run.console)
    if result.receipt is not None:
        add_summary(release_summary(result.receipt, result.quant_folder, sent=result.sent))
    elif result.plan is not None:
        add_summary(plan_summary(result.plan, result.quant_folder))
    return result


def _warn_if_older(repo: Repo, git: GitSource, result: ReleaseResult, run: Run) -> None:
    """Say so if main held the release of a later git commit, and now holds this one."""
    receipt = result.receipt
    if receipt is None or not result.sent or receipt.parent is None:
        return
    before = released_from(run.hub, receipt.repo, receipt.parent).git_commit
    if before and before != git.commit and is_ancestor(repo, git.commit, before):
        run.console.warn(
            f"{receipt.repo} held the release of git commit {before[:12]}, which is later than "
            f"{git.commit[:12]} of {git.tag}; the older one is on main now. A new tag puts it right"
        )


def _tell(results: list[ReleaseResult], console: Console) -> None:
    """The step's outputs: one line a release, in every one of them."""
    done = [one.receipt or one.plan for one in results]
    receipts = [one.receipt for one in results if one.receipt]
    set_outputs(
        {
            "repo": "\n".join(one.repo for one in done if one),
            "commit": "\n".join(one.commit for one in receipts),
            "url": "\n".join(one.pull_request_url or one.url for one in receipts),
            "receipt": "\n".join(str(one.receipt_file) for one in results if one.receipt_file),
        }
    )
