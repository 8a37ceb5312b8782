"""Score: read the score file that was named; without one the card has no scores."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hubtool.errors import PathNotFound
from hubtool.records import hash_file
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage
from hubtool.scores.readers.interface import read_all_scores
from hubtool.scores.record import ScoreSet


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """The files of both sides, each with its content's hash, and the baseline's id."""

    files: tuple[tuple[str, str], ...]
    baseline_files: tuple[tuple[str, str], ...]
    baseline: str | None


class Score(Stage[ScoreOptions, ScoreSet]):
    """Score files -> ScoreSet."""

    name, title = "score", "Reading scores"
    version = 2
    writes = ScoreSet

    def options(self, manifest: ReleaseManifest) -> ScoreOptions:
        return ScoreOptions(
            files=_hashed(manifest.scores, "--scores"),
            baseline_files=_hashed(manifest.baseline_scores, "--baseline-scores"),
            baseline=manifest.baseline,
        )

    def skip(self, want: ScoreOptions) -> str | None:
        return None if want.files else "no score file was named"

    def run(self, context: Context, want: ScoreOptions) -> ScoreSet:
        scores = read_all_scores(
            [Path(file) for file, _ in want.files], [Path(file) for file, _ in want.baseline_files]
        )
        context.console.fact("benchmarks", len(scores.candidate))
        return dataclasses.replace(scores, baseline_repo=want.baseline or scores.baseline_repo)


def _hashed(files: tuple[str, ...], flag: str) -> tuple[tuple[str, str], ...]:
    found = []
    for file in files:
        path = Path(file)
        if not path.is_file():
            raise PathNotFound(f"no score file at {path}", f"check the path after {flag}")
        found.append((file, hash_file(path.parent, path.name).sha256))
    return tuple(found)
