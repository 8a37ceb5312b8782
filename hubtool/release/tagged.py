"""Releasing a git tag: its manifests, scores and templates, all from the tag's own tree."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.card.provenance import GitSource
from hubtool.card.templates import shipped_brands, shipped_templates
from hubtool.errors import ManifestInvalid, NoManifestForTag
from hubtool.release.git_source import repository_of
from hubtool.release.git_tag import Tag, manifests_at, manifests_of_tag, read_tag, require_clean
from hubtool.release.git_tree import export_tree
from hubtool.release.journal import hold
from hubtool.release.manifest import FILE_FIELDS, ReleaseManifest, load_manifest

if TYPE_CHECKING:
    from git import Repo

SOURCE = "source"  # folder beside the work folders: the trees that are being released


@dataclasses.dataclass(frozen=True)
class Tagged:
    """One manifest of a tag. ``file`` is its copy in the exported tree, ``path`` that in git."""

    path: str
    file: Path
    manifest: ReleaseManifest
    git: GitSource


@contextmanager
def tagged_manifests(
    repo: Repo, tag_name: str, work_root: Path, *, only: str | None, flags: dict[str, Any]
) -> Iterator[list[Tagged]]:
    """What a tag releases, read from its tree, which is exported while the block runs.

    ``only`` names one manifest of the tag's tree. The copies lie at the same place for every
    tag of a manifest, so that what did not change stays done. Raises NoManifestForTag,
    TagNotFound, TagMoved, CloneIncomplete, TreeDirty, and ManifestInvalid for a file outside.
    """
    tag = read_tag(repo, tag_name)
    require_clean(repo)
    paths = (_only(repo, tag, only),) if only else manifests_of_tag(repo, tag)
    with ExitStack() as stack:
        found = []
        for path in paths:
            place = work_root / SOURCE / path.removesuffix(".yaml").replace("/", "--")
            stack.enter_context(hold(place))
            export_tree(repo, tag.commit, place / "tree")
            found.append(_load(repo, tag, path, place / "tree", flags))
        _require_apart(found)
        yield found


def _only(repo: Repo, tag: Tag, path: str) -> str:
    present = manifests_at(repo, tag.commit)
    if path not in present:
        raise NoManifestForTag(
            f"the tag {tag.name} has no {path}; it has {', '.join(present) or 'no manifest'}",
            "name a manifest by its path in the repository, such as releases/NAME.yaml",
        )
    return path


def _load(repo: Repo, tag: Tag, path: str, tree: Path, flags: dict[str, Any]) -> Tagged:
    manifest = load_manifest(tree / path, flags)
    require_inside(manifest, tree, path)
    git = GitSource(
        tag.commit,
        tag.name,
        repository=repository_of(repo),
        manifest=path,
        tagger=tag.tagger,
        signature=tag.signature,
        overrides=tuple(sorted(_given(flags, ""))),
        by_tag=True,
    )
    return Tagged(path, tree / path, manifest, git)


def require_inside(manifest: ReleaseManifest, tree: Path, shown: str) -> None:
    """Raise ManifestInvalid if a file that the manifest names is not one of the tag's tree."""
    shipped = {"card.template": shipped_templates(), "card.brand": shipped_brands()}
    root = tree.resolve()
    for field in FILE_FIELDS:
        found: Any = manifest
        for key in field.split("."):
            found = getattr(found, key)
        for value in found if isinstance(found, tuple) else (found,):
            if value is None or value in shipped.get(field, ()):
                continue
            place = Path(value).resolve()
            if field == "quantize.sensitivity" and _is_repo(value):
                continue
            if not place.is_relative_to(root) or not place.exists():
                raise ManifestInvalid(
                    f"{shown}: {field}: {value!r} is not a file of the tag",
                    "commit it beside the manifest and name it relative to that, then tag anew",
                    field=field,
                )


def _is_repo(value: str) -> bool:
    """A repo's name, with a revision or not, that is no path here."""
    named = re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", value) is not None
    return named and not Path(value).exists()


def _require_apart(found: list[Tagged]) -> None:
    """Two manifests for one repo: the second would take the first one's place."""
    seen: dict[str, str] = {}
    for one in found:
        other = seen.setdefault(one.manifest.target_repo, one.path)
        if other != one.path:
            raise ManifestInvalid(
                f"{one.path} and {other} both release {one.manifest.target_repo}",
                "give one of them another publish.name",
                field="publish.name",
            )


def _given(flags: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """(dotted field, value) of every flag that was given."""
    for name, value in flags.items():
        if isinstance(value, dict):
            yield from _given(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)
