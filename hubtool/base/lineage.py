"""Up the model tree: which licences the base's ancestors declare."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hubtool.card.frontmatter import split_card
from hubtool.console import Console
from hubtool.errors import BaseGated, NotSignedIn, NoWritePermission, RepoNotFound
from hubtool.licences.conflict import (
    NO_KNOWN_TEXT,
    families_of_prose,
    family_of_text,
    is_licence_text,
)
from hubtool.licences.declared import HUB_HOME, DeclaredLicence, label_of
from hubtool.licences.files import is_licence_file

if TYPE_CHECKING:
    from hubtool.base.source import RemoteFile
    from hubtool.hub.client import HubClient, RepoState

MAX_ANCESTORS = 8
SHUT = (BaseGated, NotSignedIn, NoWritePermission)  # 401 and 403, of a gate or of a narrow token
OPEN_UP = "accept its terms on its page and sign in with that account (`hf auth login`)"
_NO_TEXT = (".pdf", ".html")
_REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")


def parents_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The repo ids under ``base_model`` (one, or a list)."""
    value = metadata.get("base_model")
    listed = value if isinstance(value, list) else [value]
    return tuple(item for item in listed if isinstance(item, str) and _REPO_ID.fullmatch(item))


def declared_licence(
    repo: str, revision: str, metadata: Mapping[str, Any], files: tuple[str, ...]
) -> DeclaredLicence:
    """The licence fields of a card; a relative link is made absolute at this revision."""
    value = metadata.get("license")
    listed = value if isinstance(value, list) else [value]
    link = metadata.get("license_link")
    if isinstance(link, str) and not urlsplit(link).scheme:
        link = f"{HUB_HOME}/{repo}/blob/{revision}/{link.removeprefix('./').lstrip('/')}"
    name = metadata.get("license_name")
    return DeclaredLicence(
        repo=repo,
        revision=revision,
        identifiers=tuple(item for item in listed if isinstance(item, str) and item),
        name=name if isinstance(name, str) and name else None,
        link=link if isinstance(link, str) else None,
        files=files,
    )


def read_declaration(
    hub: HubClient, state: RepoState, files: Sequence[RemoteFile], console: Console
) -> DeclaredLicence:
    """What the repo says of its licence: in its fields, its licence texts and its card's prose.

    Texts that a gate keeps from this token are warned about and left out where the card
    names the licence; else BaseGated is raised.
    """
    paths = tuple(file.path for file in files if is_licence_file(file.path))
    declared = declared_licence(state.repo, state.commit, state.card_metadata, paths)

    def read(path: str) -> str:
        try:
            return hub.read_text(state.repo, path, state.commit) or ""
        except SHUT as error:
            if not _is_named(declared):
                raise BaseGated(
                    f"{state.repo}: {path} is behind a gate, and the card names no licence",
                    f"{OPEN_UP}, then run the same command again",
                ) from error
            console.warn(
                f"{state.repo}: {path} is behind a gate and was not read, so "
                f"{label_of(declared)} is taken from the card alone. To have it read, {OPEN_UP}"
            )
            return ""

    texts = [path for path in paths if is_licence_text(path) and not path.endswith(_NO_TEXT)]
    read_texts = [text for path in texts if (text := read(path)).strip()]
    named = {family_of_text(text) or NO_KNOWN_TEXT for text in read_texts}
    has_card = any(file.path == "README.md" for file in files)
    return dataclasses.replace(
        declared,
        text_families=tuple(sorted(named)),
        prose_families=families_of_prose(split_card(read("README.md")).body) if has_card else (),
    )


def _is_named(declared: DeclaredLicence) -> bool:
    """Whether the card says which licence it is, so that the text is only the proof of it."""
    said = set(declared.identifiers) - {"other", "unknown"}
    return bool(said) or ("other" in declared.identifiers and declared.name is not None)


def licence_chain(
    hub: HubClient, repo: str, revision: str | None, console: Console
) -> tuple[DeclaredLicence, ...]:
    """What ``repo`` declares at a revision (default: its main), and what its ancestors do."""
    state = hub.resolve_revision(repo, revision)
    own = read_declaration(hub, state, hub.list_files(state.repo, state.commit), console)
    return own, *ancestors_licences(hub, state.repo, state.card_metadata, console)


def ancestors_licences(
    hub: HubClient, repo: str, metadata: Mapping[str, Any], console: Console
) -> tuple[DeclaredLicence, ...]:
    """What the ancestors of ``repo`` declare, nearest first; loops and lost repos end a line.

    One that cannot be read says why in ``unread``.
    """
    found: list[DeclaredLicence] = []
    seen = {repo}
    queue = list(parents_of(metadata))
    while queue and len(found) < MAX_ANCESTORS:
        parent = queue.pop(0)
        if parent in seen:
            continue
        seen.add(parent)
        try:
            state = hub.resolve_revision(parent)
            files = hub.list_files(parent, state.commit)
            found.append(read_declaration(hub, state, files, console))
        except SHUT as error:
            why = f"{error.message} ({OPEN_UP})"
            found.append(DeclaredLicence(parent, "", (), None, None, (), unread=why))
            continue
        except RepoNotFound as error:
            found.append(DeclaredLicence(parent, "", (), None, None, (), unread=error.message))
            continue
        queue += parents_of(state.card_metadata)
    return tuple(found)
