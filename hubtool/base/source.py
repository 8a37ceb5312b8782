"""What the base repo says, at a pinned revision."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hubtool.console import Console, format_bytes
from hubtool.errors import BaseNotFound, DiskFull, NoSafetensors, RepoNotFound
from hubtool.licences.declared import HUB_HOME, DeclaredLicence
from hubtool.records import FileHash, Record

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient, RepoState

INDEX_FILE = "model.safetensors.index.json"
DOWNLOADS = 4  # files at a time
SPARE_BYTES = 16_000_000  # room that must stay free after the download

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_CONFIGS = re.compile(
    r"[^/]+\.json|[^/]+\.(txt|model|jinja|tiktoken|vocab)|merges\.txt|additional_chat_templates/[^/]+"
)
_NEVER = re.compile(r"(pytorch_model|tf_model|flax_model|training_args|trainer_state|adapter_).*")


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file as a Hub listing shows it.

    ``etag`` is the sha256 (hex) of the content for an LFS file, its git blob
    sha1 otherwise; ``is_lfs`` says which.
    """

    path: str
    size_bytes: int
    etag: str
    is_lfs: bool


@dataclasses.dataclass(frozen=True)
class Base(Record):
    """The base model's repo at one commit: everything but the weights.

    ``licences`` holds the base's own declaration first, then those of its
    ancestors up the model tree, nearest first. ``gated`` is ``""``, ``"auto"``
    or ``"manual"``. ``target_repo`` is the full id of the quant to publish.
    """

    schema: ClassVar[int] = 1
    repo: str
    revision: str
    config: dict[str, Any]
    card_metadata: dict[str, Any]
    files: tuple[RemoteFile, ...]
    licences: tuple[DeclaredLicence, ...]
    gated: str
    private: bool
    target_repo: str
    canonical_url: str  # address of the base at this revision


@dataclasses.dataclass(frozen=True)
class Snapshot(Record):
    """The base's files: ``folder`` is its name in the work folder, ``files`` are relative to it."""

    folder: str
    repo: str
    revision: str
    files: tuple[FileHash, ...]


def resolve_base(
    hub: HubClient,
    repo: str,
    revision: str | None,
    target_repo: str,
    console: Console,
    *,
    trust_remote_code: bool = False,
) -> Base:
    """The base at one commit: what can be known before a download.

    Raises BaseNotFound, BaseGated, NoSafetensors (pickles only),
    UnknownArchitecture, RemoteCodeNeeded, BrokenShard and UnsafePath (index).
    """
    from hubtool.base.architecture import require_known_architecture
    from hubtool.base.lineage import ancestors_licences, read_declaration

    state = _find(hub, repo, revision)
    files = hub.list_files(state.repo, state.commit)
    _require_safetensors(state.repo, files)
    config = _read_config(hub, state)
    require_known_architecture(state.repo, config, trust_remote_code=trust_remote_code)
    _require_sound_index(hub, state, files)
    metadata = state.card_metadata
    own = read_declaration(hub, state, files, console)
    if state.gated:
        console.warn(
            f"{state.repo} is gated ({state.gated}); its terms bind whoever downloads the quant as "
            f"well: --gate {state.gated} asks them to accept those first"
        )
    return Base(
        repo=state.repo,
        revision=state.commit,
        config=config,
        card_metadata=metadata,
        files=files,
        licences=(own, *ancestors_licences(hub, state.repo, metadata, console)),
        gated=state.gated,
        private=state.private,
        target_repo=target_repo,
        canonical_url=f"{HUB_HOME}/{state.repo}/tree/{state.commit}",
    )


def files_needed(base: Base) -> tuple[RemoteFile, ...]:
    """What a release downloads: weights, configs, tokenizer, processor, card and licence files."""
    from hubtool.licences.files import is_licence_file

    def needed(path: str) -> bool:
        if _NEVER.fullmatch(path):
            return False
        if path.endswith(".safetensors"):
            return "/" not in path and not path.startswith("consolidated")
        return path == "README.md" or is_licence_file(path) or bool(_CONFIGS.fullmatch(path))

    return tuple(file for file in base.files if needed(file.path))


def fetch_base(hub: HubClient, base: Base, folder: Path, console: Console) -> Snapshot:
    """The needed files in ``folder``, each checked against the listing's hash.

    Intact files are not sent again; a file that was cut short goes on where it
    stopped. Raises BrokenShard, UnsafePath, DiskFull.
    """
    from hubtool.artifact.headers import read_headers
    from hubtool.hub.download import download, is_intact

    folder.mkdir(parents=True, exist_ok=True)
    needed = files_needed(base)
    missing = [file for file in needed if not is_intact(folder, file)]
    total = sum(file.size_bytes for file in missing)
    _require_room(folder, total)

    if missing:
        with (
            console.task("downloading", total, "B") as task,
            ThreadPoolExecutor(DOWNLOADS) as pool,
        ):
            jobs = [
                pool.submit(download, hub, base.repo, base.revision, file, folder, task)
                for file in missing
            ]
            for job in jobs:
                job.result()
    hashes = tuple(_hash(folder, file) for file in needed)
    weights = tuple(file.path for file in needed if file.path.endswith(".safetensors"))
    read_headers(folder, weights)
    return Snapshot(folder.name, base.repo, base.revision, hashes)


def _find(hub: HubClient, repo: str, revision: str | None) -> RepoState:
    try:
        return hub.resolve_revision(repo, revision)
    except RepoNotFound as error:
        at = f" at revision {revision}" if revision else ""
        raise BaseNotFound(
            f"no base model {repo}{at} on {hub.endpoint}",
            "check its id on the Hub; a private one needs a token that sees it",
            repo=repo,
            revision=revision,
        ) from error


def _require_safetensors(repo: str, files: Sequence[RemoteFile]) -> None:
    if any(file.path.endswith(".safetensors") and "/" not in file.path for file in files):
        return
    pickles = [file.path for file in files if file.path.endswith(_PICKLES)]
    if pickles:
        raise NoSafetensors(
            f"{repo} has only pickled weights ({pickles[0]}), which can run code when opened",
            "ask its owner for safetensors, or convert it where you trust it",
        )
    raise NoSafetensors(
        f"{repo} has no safetensors weights", "choose the repo that holds the full weights"
    )


def _read_config(hub: HubClient, state: RepoState) -> dict[str, Any]:
    text = hub.read_text(state.repo, "config.json", state.commit)
    try:
        config = json.loads(text or "")
    except ValueError:
        config = None
    if not isinstance(config, dict):
        found = "missing" if text is None else "not a JSON object"
        raise BaseNotFound(
            f"{state.repo}: config.json is {found}", "choose a repo that holds a whole model"
        )
    return config


def _require_sound_index(hub: HubClient, state: RepoState, files: Sequence[RemoteFile]) -> None:
    """Look at the index before a shard is downloaded: its paths, and that they exist."""
    from hubtool.artifact.headers import parse_index
    from hubtool.errors import BrokenShard

    content = hub.read_bytes(state.repo, INDEX_FILE, state.commit)
    if content is None:
        return
    absent = set(parse_index(content).files) - {file.path for file in files}
    if absent:
        raise BrokenShard(
            f"{state.repo}: {INDEX_FILE} names {sorted(absent)[0]}, which the repo does not have",
            "ask its owner to upload the missing shard",
        )


def _require_room(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed_bytes and needed_bytes + SPARE_BYTES > free:
        raise DiskFull(
            f"no room for the download in {folder}: it needs {format_bytes(needed_bytes)}, "
            f"{format_bytes(free)} are free",
            "free some space, or choose another --workdir",
        )


def _hash(folder: Path, file: RemoteFile) -> FileHash:
    """The file's hash: the listing's own for LFS (it was compared), else taken now."""
    from hubtool.records import hash_file

    if file.is_lfs:
        return FileHash(file.path, file.size_bytes, file.etag)
    return hash_file(folder, file.path)
