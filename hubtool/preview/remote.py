"""A repo of a Hub at one commit: small files whole, weights as far as their headers go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubtool.preview.source import README, WHOLE_LIMIT_BYTES, ShownCard, ShownRepo, may_serve

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient


class RemoteSource:
    """What a repo's page shows. The commit is looked up once, so nothing changes under it.

    Raises RepoNotFound if the repo or the revision is not there.
    """

    def __init__(self, hub: HubClient, repo: str, revision: str | None = None) -> None:
        state = hub.resolve_revision(repo, revision)
        self._hub = hub
        self._id = state.repo
        self._commit = state.commit
        self._sizes = {
            file.path: file.size_bytes for file in hub.list_files(state.repo, state.commit)
        }
        self._kept: dict[tuple[str, int, int], bytes] = {}
        self.repo = ShownRepo.of_id(state.repo, private=state.private, gated=state.gated)
        self.hub_url = hub.endpoint
        self.origin = f"{state.repo} at {state.commit[:7]} on {hub.endpoint}"

    def stamp(self) -> str:
        """The commit: it never changes."""
        return self._commit

    def card(self) -> ShownCard:
        """The card at that commit."""
        if README not in self._sizes:
            return ShownCard(None)
        return ShownCard(self.read(README).decode("utf-8", "replace"))

    def sizes(self) -> dict[str, int]:
        """Every file of the commit."""
        return self._sizes

    def serves(self, path: str) -> bool:
        """True for a file of the commit that is no weights."""
        return path in self._sizes and may_serve(path, self._sizes[path])

    def read(self, path: str) -> bytes:
        """The file, up to the limit."""
        return self.read_range(path, 0, WHOLE_LIMIT_BYTES + 1)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """A part of the file by one HTTP range request; small files are asked for once."""
        length = min(length, self._sizes[path] - start)
        if length <= 0:
            return b""
        wanted = (path, start, length)
        if wanted not in self._kept:
            self._kept[wanted] = self._hub.read_range(self._id, path, self._commit, start, length)
        return self._kept[wanted]
