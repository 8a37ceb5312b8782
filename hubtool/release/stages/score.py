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
    """The files with their contents' hashes, and the baseline that is compared with."""

    file: str | None
    sha256: str | None
    baseline_file: str | None
    baseline_sha256: str | None
    baseline: str | None


class Score(Stage[ScoreOptions, ScoreSet]):
    """Score file -> ScoreSet."""

    name, title = "score", "Reading scores"
    writes = ScoreSet

    def options(self, manifest: ReleaseManifest) -> ScoreOptions:
        file, theirs = manifest.scores, manifest.baseline_scores
        return ScoreOptions(
            file=file,
            sha256=_sha256(file, "--scores"),
            baseline_file=theirs,
            baseline_sha256=_sha256(theirs, "--baseline-scores"),
            baseline=manifest.baseline,
        )

    def skip(self, want: ScoreOptions) -> str | None:
        return "no score file was named" if want.file is None else None

    def run(self, context: Context, want: ScoreOptions) -> ScoreSet:
        assert want.file is not None
        scores = read_scores(Path(want.file))
        if want.baseline_file is not None:
            theirs = read_scores(Path(want.baseline_file))
            scores = dataclasses.replace(
                scores, baseline=theirs.candidate, baseline_file=theirs.source_file
            )
        context.console.fact("benchmarks", len(scores.candidate))
        return dataclasses.replace(scores, baseline_repo=want.baseline or scores.baseline_repo)


def _sha256(file: str | None, flag: str) -> str | None:
    if file is None:
        return None
    path = Path(file)
    if not path.is_file():
        raise PathNotFound(f"no score file at {path}", f"check the path after {flag}")
    return hash_file(path.parent, path.name).sha256
