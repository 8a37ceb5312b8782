"""What lies in a repo now, compared with a plan; and what the next plan knows of it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.card.compose import CARD_FILE
from hubtool.recard.change import FileChange
from hubtool.recard.read import RemoteQuant
from hubtool.records import git_blob_sha1

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient
    from hubtool.recard.cache import QuantCache


def unlike(
    hub: HubClient, repo: str, files: Collection[FileChange], revision: str
) -> tuple[frozenset[str], frozenset[str]]:
    """Paths that do not hold at ``revision`` (what the plan wrote, what it found)."""
    there = hub.call(
        f"look at the files of {repo}",
        lambda: {
            info.path: info
            for info in hub.api.get_paths_info(repo, [one.path for one in files], revision=revision)
        },
    )
    written = (one for one in files if not _same(there.get(one.path), one.content))
    found = (
        one
        for one in files
        if not _same(there.get(one.path), None if one.before is None else one.before.encode())
    )
    return frozenset(one.path for one in written), frozenset(one.path for one in found)


def remember(
    cache: QuantCache | None,
    repo: str,
    known_at: str,
    now_at: str,
    texts: Mapping[str, str | None],
) -> None:
    """The next plan need not read what this run wrote: the weights are the same."""
    quant = cache.get(repo, known_at) if cache else None
    if cache is None or not isinstance(quant, RemoteQuant):
        return
    cache.put(
        dataclasses.replace(
            quant,
            commit=now_at,
            readme=texts.get(CARD_FILE, quant.readme),
            release=texts.get(PROVENANCE_FILE, quant.release),
        )
    )


def _same(info: Any, content: bytes | None) -> bool:
    if info is None or content is None:
        return info is None and content is None
    if info.lfs is not None:
        return bool(info.lfs.sha256 == hashlib.sha256(content).hexdigest())
    return bool(info.blob_id == git_blob_sha1(content))
