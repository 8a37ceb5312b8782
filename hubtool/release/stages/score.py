"""Score: read the score file that was named; without one the card has no scores."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hubtool.errors import PathNotFound
from hubtool.records import hash_file
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage
from hubtool.scores.readers.interface import read_scores
from hubtool.scores.record import ScoreSet


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """The file with its content's hash, and the baseline it compares with."""

    file: str | None
    sha256: str | None
    baseline: str | None


class Score(Stage[ScoreOptions, ScoreSet]):
    """Score file -> ScoreSet."""

    name, title = "score", "Reading scores"
    writes = ScoreSet

    def options(self, manifest: ReleaseManifest) -> ScoreOptions:
        if manifest.scores is None:
            return ScoreOptions(None, None, manifest.baseline)
        file = Path(manifest.scores)
        if not file.is_file():
            raise PathNotFound(f"no score file at {file}", "check the path after --scores")
        digest = hash_file(file.parent, file.name).sha256
        return ScoreOptions(str(file), digest, manifest.baseline)

    def skip(self, want: ScoreOptions) -> str | None:
        return "no score file was named" if want.file is None else None

    def run(self, context: Context, want: ScoreOptions) -> ScoreSet:
        assert want.file is not None
        scores = read_scores(Path(want.file))
        context.console.fact("benchmarks", len(scores.candidate))
        return dataclasses.replace(scores, baseline_repo=want.baseline or scores.baseline_repo)
