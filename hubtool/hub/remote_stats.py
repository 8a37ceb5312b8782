"""The figures of a quant that is on the Hub, from its headers: no weights are downloaded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hubtool.artifact.headers import Header, read_remote_header
from hubtool.artifact.layout import parse_json_object
from hubtool.artifact.parts import sidecars_among
from hubtool.artifact.stats import QuantStats, stats_from_headers
from hubtool.base.source import RemoteFile
from hubtool.errors import PathNotFound
from hubtool.hub.client import HubClient

READERS = 4  # files at a time


def stats_of_repo(hub: HubClient, repo: str, revision: str | None = None) -> QuantStats:
    """The figures of a repo's revision (default: main), by HTTP ranges and ``config.json``.

    Raises RepoNotFound, PathNotFound without weights or config, BrokenShard, StatsDisagree.
    """
    return stats_at(hub, repo, hub.resolve_revision(repo, revision).commit)


def stats_at(hub: HubClient, repo: str, commit: str) -> QuantStats:
    """As :func:`stats_of_repo`, for a commit that is known already."""
    files = {file.path: file for file in hub.list_files(repo, commit)}
    main = [path for path in files if path.startswith("model") and path.endswith(".safetensors")]
    text = hub.read_text(repo, "config.json", commit)
    if not main or text is None:
        missing = "config.json" if main else "model*.safetensors"
        raise PathNotFound(f"{repo} has no {missing}", "name a repo that holds a quantized model")
    wanted = [files[path] for path in (*sorted(main), *sidecars_among(files))]
    with ThreadPoolExecutor(READERS) as pool:
        headers = dict(pool.map(lambda file: _header(hub, repo, commit, file), wanted))
    return stats_from_headers(headers, parse_json_object(text, f"{repo}: config.json"))


def _header(hub: HubClient, repo: str, commit: str, file: RemoteFile) -> tuple[str, Header]:
    def read(start: int, length: int) -> bytes:
        return hub.read_range(repo, file.path, commit, start, length)

    return file.path, read_remote_header(read, file.size_bytes, name=file.path)
