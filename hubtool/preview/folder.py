"""A quant folder as the repo that it would become."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.card.facts import SCORE_CHART, WIDTH_CHART
from hubtool.card.provenance import Provenance
from hubtool.card.recompose import Look, recompose
from hubtool.card.templates import templates_folder
from hubtool.card.write import Page
from hubtool.errors import PathNotFound
from hubtool.preview.source import README, WHOLE_LIMIT_BYTES, ShownCard, ShownRepo, may_serve
from hubtool.scores.readers.interface import read_all_scores

NO_OWNER = "your-org"  # of a folder that does not say what it will be published as
_NOT_PUBLISHED = (".git", ".cache")


@dataclasses.dataclass(frozen=True)
class FolderSource:
    """A folder on this machine. With its provenance the card is rendered anew from the facts.

    ``template`` and ``brand`` are names of shipped ones, or paths. ``as_is``
    shows the card that lies in the folder. Nothing is written.
    """

    folder: Path
    template: str = "optiq"
    brand: str = "optiq"
    scores: tuple[Path, ...] = ()
    baseline_scores: tuple[Path, ...] = ()
    as_is: bool = False

    @property
    def renders(self) -> bool:
        """Whether the card is rendered from facts, not read."""
        return not self.as_is and (self.folder / PROVENANCE_FILE).is_file()

    @property
    def repo(self) -> ShownRepo:
        """The repo that the provenance names, else one called like the folder."""
        if (self.folder / PROVENANCE_FILE).is_file():
            return ShownRepo.of_id(Provenance.of_folder(self.folder).repo)
        return ShownRepo(NO_OWNER, self.folder.absolute().name)

    @property
    def origin(self) -> str:
        """Which card is shown."""
        if not self.renders:
            return f"{README} as it stands in {self.folder}"
        names = f"template {Path(self.template).name}, brand {Path(self.brand).name}"
        return f"rendered from the facts of {self.folder} ({names}); nothing is written"

    @property
    def hub_url(self) -> str:
        """The Hub that huggingface_hub is set to."""
        from huggingface_hub.constants import ENDPOINT

        return ENDPOINT

    def stamp(self) -> str:
        """A hash over name, size and time of change; no file is opened."""
        digest = hashlib.sha256()
        for file in sorted(self._watched()):
            try:
                found = file.stat()
            except OSError:  # being saved, or gone: that is a change as well
                continue
            digest.update(f"{file}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]

    def card(self) -> ShownCard:
        """The card of the facts of now, or the one in the folder."""
        if not self.renders:
            file = self.folder / README
            text = self.read(README).decode("utf-8", "replace") if file.is_file() else None
            return ShownCard(text)
        page = self._page()
        notes = [f"{note[0].upper()}{note[1:]}." for note in page.rendered.notes]
        return ShownCard(page.text, tuple(notes))

    def _page(self) -> Page:
        given = self.scores
        scores = read_all_scores(given, self.baseline_scores) if given else None
        return recompose(self.folder, Look(self.template, self.brand), scores)

    def sizes(self) -> dict[str, int]:
        """Every file below the folder, links followed, as a push would take them."""
        files = ((self._path(file), file) for file in self._files())
        return {path: file.stat().st_size for path, file in sorted(files)}

    def serves(self, path: str) -> bool:
        """True for a listed file that does not lead out of the folder by a link."""
        if self.renders and path in (WIDTH_CHART, SCORE_CHART):
            return path in self._page().chart_paths
        size_bytes = self.sizes().get(path)
        if size_bytes is None or not may_serve(path, size_bytes):
            return False
        return (self.folder / path).resolve().is_relative_to(self.folder.resolve())

    def read(self, path: str) -> bytes:
        """The file, up to the limit; a chart as the facts of now draw it."""
        if self.renders and path in (WIDTH_CHART, SCORE_CHART):
            return self._page().charts[path]
        return self.read_range(path, 0, WHOLE_LIMIT_BYTES + 1)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """A part of the file. Raises PathNotFound if it was removed meanwhile."""
        try:
            with (self.folder / path).open("rb") as stream:
                stream.seek(start)
                return stream.read(length)
        except FileNotFoundError as error:
            raise PathNotFound(f"{path} is gone from {self.folder}", "put it back") from error

    def _files(self) -> Iterator[Path]:
        for file in self.folder.rglob("*"):
            if file.is_file() and file.relative_to(self.folder).parts[0] not in _NOT_PUBLISHED:
                yield file

    def _path(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()

    def _watched(self) -> set[Path]:
        watched = set(self._files())
        if self.renders:
            for folder in {templates_folder(), Path(self.template).parent}:
                watched.update(folder.glob("blocks/*.md.j2"))
                watched.update(folder.glob("*.md.j2"))
            watched.update((templates_folder() / "brands").glob("*.yaml"))
            watched.update({Path(self.template), Path(self.brand)})
            watched.update((*self.scores, *self.baseline_scores))
        return watched
