"""A git tag: its commit, who made it, the one before it, and the manifests that it releases."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.errors import (
    CloneIncomplete,
    GitUnusable,
    NoManifestForTag,
    TagMoved,
    TagNotFound,
    TreeDirty,
)
from hubtool.release.git_tree import (
    DEEPEN,
    changed_between,
    files_at,
    named_files,
    read_text,
)

if TYPE_CHECKING:
    from git import Repo

RELEASES = "releases"
_SIGNATURES = {
    "-----BEGIN PGP SIGNATURE-----": "openpgp",
    "-----BEGIN SSH SIGNATURE-----": "ssh",
    "-----BEGIN SIGNED MESSAGE-----": "x509",
}


@dataclasses.dataclass(frozen=True)
class Tag:
    """A tag and the commit that it names. A lightweight tag has no tagger and no signature."""

    name: str
    commit: str
    tagger: str | None = None  # name, without the address
    signature: str | None = None  # openpgp, ssh, x509; found, not verified

    @property
    def manifest(self) -> str | None:
        """The one manifest that ``NAME/version`` releases; None for a tag that releases many."""
        name, slash, _ = self.name.rpartition("/")
        return f"{RELEASES}/{name}.yaml" if slash else None


def open_repo(folder: Path) -> Repo:
    """The git repository around ``folder``; close it after use. Raises GitUnusable."""
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from git import GitCommandNotFound, GitError, Repo

    try:
        repo = Repo(folder, search_parent_directories=True)
        repo.git.version()
    except GitCommandNotFound as error:
        raise GitUnusable("there is no git program here", "install git") from error
    except GitError as error:
        raise GitUnusable(
            f"{folder} is in no git repository", "run this in a clone of the releases' repository"
        ) from error
    return repo


def read_tag(repo: Repo, name: str) -> Tag:
    """The tag, with its commit's tree at hand.

    Raises TagNotFound, CloneIncomplete if the commit is not in this clone, and TagMoved if the
    workflow that runs this was started for another commit.
    """
    found = next((tag for tag in repo.tags if tag.name == name), None)
    if found is None:
        raise TagNotFound(
            f"this clone has no tag {name!r}",
            f"`git fetch origin tag {name}`; actions/checkout fetches tags with `fetch-depth: 0`",
        )
    try:
        commit, annotated = found.commit.hexsha, found.tag
    except (ValueError, OSError) as error:
        raise CloneIncomplete(f"this clone lacks the commit of the tag {name}", DEEPEN) from error
    files_at(repo, commit)
    _require_as_pushed(name, commit, annotated.hexsha if annotated else commit)
    if annotated is None:
        return Tag(name, commit)
    return Tag(name, commit, annotated.tagger.name or None, _signature(repo, annotated.hexsha))


def require_clean(repo: Repo) -> None:
    """Raise TreeDirty for changes that are not committed: whoever made them may expect them in."""
    if repo.bare:
        return
    changed = repo.git.status("--porcelain", "--untracked-files=no")
    if changed:
        first = str(changed).splitlines()[0][3:]
        raise TreeDirty(
            f"{first} was changed and not committed; a tag's release reads the tag's files alone",
            "commit and make a new tag, or put the changes away: `git stash`",
        )


def manifests_of_tag(repo: Repo, tag: Tag) -> tuple[str, ...]:
    """Paths of the manifests that the tag releases: one by its name, or all that changed.

    Raises NoManifestForTag, and CloneIncomplete where the tag before it cannot be known.
    """
    present = manifests_at(repo, tag.commit)
    if tag.manifest is not None:
        if tag.manifest not in present:
            known = ", ".join(present) or f"nothing under {RELEASES}/"
            raise NoManifestForTag(
                f"the tag {tag.name} has no {tag.manifest}; it has {known}",
                f"name a tag NAME/version after its manifest {RELEASES}/NAME.yaml",
            )
        return (tag.manifest,)
    before = previous_tag(repo, tag)
    return present if before is None else changed_manifests(repo, before, tag.commit)


def manifests_at(repo: Repo, commit: str) -> tuple[str, ...]:
    """Paths of all manifests of a commit; lock files are none."""
    return tuple(path for path in files_at(repo, commit) if is_manifest(path))


def is_manifest(path: str) -> bool:
    """Whether a path of the repository is a manifest's."""
    is_yaml = path.startswith(f"{RELEASES}/") and path.endswith(".yaml")
    return is_yaml and not path.endswith(".lock.yaml")


def changed_manifests(repo: Repo, before: str, commit: str) -> tuple[str, ...]:
    """Manifests that differ, or whose lock does, or a file or folder that they name.

    Templates and brands are not counted: how cards look is re-carding's business.

    Raises TagNotFound for a ``before`` that is not in this clone.
    """
    changed = changed_between(repo, before, commit)
    found = []
    for path in manifests_at(repo, commit):
        lock = path.removesuffix(".yaml") + ".lock.yaml"
        named = {path, lock, *named_files(path, read_text(repo, commit, path))}
        below = tuple(f"{one}/" for one in named)  # folders that it names
        if any(one in named or one.startswith(below) for one in changed):
            found.append(path)
    return tuple(found)


def previous_tag(repo: Repo, tag: Tag) -> str | None:
    """The nearest earlier tag of the same kind: equal up to the first digit, without a slash.

    None if there is none. Raises CloneIncomplete for a shallow clone, which cannot tell.
    """
    from git import GitCommandError

    if repo.git.rev_parse("--is-shallow-repository") == "true":
        raise CloneIncomplete(
            f"this clone is shallow: which tag came before {tag.name} cannot be told", DEEPEN
        )
    kind = re.match(r"\D*", tag.name)
    pattern = _literally(kind.group() if kind else "") + "[0-9]*"
    here = repo.git.tag("--points-at", tag.commit, "--sort=version:refname").splitlines()
    later = here[here.index(tag.name) :]  # of two tags on one commit the lower version is earlier
    others = [f"--exclude={_literally(name)}" for name in later]
    try:
        return str(
            repo.git.describe(
                "--tags", "--abbrev=0", "--match", pattern, "--exclude=*/*", *others, tag.commit
            )
        )
    except GitCommandError:
        return None


def is_ancestor(repo: Repo, older: str, newer: str) -> bool:
    """Whether ``newer`` holds ``older``; False for a commit that this clone does not have."""
    from git import GitCommandError

    try:
        repo.git.merge_base("--is-ancestor", older, newer)
    except GitCommandError:
        return False
    return True


def _literally(text: str) -> str:
    """``text`` as a glob that matches it alone."""
    return re.sub(r"([*?\[\]\\])", r"[\1]", text)


def _require_as_pushed(name: str, commit: str, tag_object: str) -> None:
    """In a workflow that this tag started: the tag must still be what was pushed."""
    pushed = os.environ.get("GITHUB_SHA", "")
    started_by_it = os.environ.get("GITHUB_REF") == f"refs/tags/{name}"
    if started_by_it and pushed not in ("", commit, tag_object):
        raise TagMoved(
            f"the tag {name} was pushed at {pushed[:12]} and is now at {commit[:12]}",
            "make a new tag; one that was pushed should stay where it is",
        )


def _signature(repo: Repo, tag_object: str) -> str | None:
    """The kind of signature that closes the tag; whether it holds is not verified here."""
    text = str(repo.git.cat_file("tag", tag_object)).rstrip()
    for begin, kind in _SIGNATURES.items():
        end = begin.replace("BEGIN", "END")
        if text.endswith(end) and f"\n{begin}" in text:
            return kind
    return None
