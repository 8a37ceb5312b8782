"""Score files of every format become one ScoreSet; each format is one module beside this one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hubtool.card.frontmatter import read_yaml, split_card
from hubtool.errors import PathNotFound, ScoreFileInvalid
from hubtool.scores.record import Score, ScoreSet

_YAML = (".yaml", ".yml")


@dataclasses.dataclass(frozen=True)
class Choice:
    """What to take of a file that holds more than one value for a benchmark.

    ``tasks``: only these, subtasks of a group included; empty means what the
    format's own rules say. ``filters`` maps a task to the answer filter to read.
    """

    tasks: tuple[str, ...] = ()
    filters: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Reader(Protocol):
    """One format, which is one module: recognised by shape, never by name."""

    def fits(self, data: Any) -> bool:
        """Whether this parsed file is of the format."""

    def read(self, data: Any, path: Path, choice: Choice) -> ScoreSet:
        """The scores in it. Raises ScoreFileInvalid naming file and field."""


def readers() -> tuple[Reader, ...]:
    """All formats, the most specific first."""
    from hubtool.scores.readers import (
        bfcl,
        eval_results,
        hubtool_json,
        lm_eval,
        model_index,
        optiq_eval,
    )

    return (hubtool_json, optiq_eval, lm_eval, bfcl, eval_results, model_index)


def read_scores(path: Path, choice: Choice | None = None) -> ScoreSet:
    """The scores in a file, each with that file's name and sha256.

    Raises PathNotFound, and ScoreFileInvalid for an unknown format, NaN, a
    value outside 0..100, or a benchmark that stands twice.
    """
    if not path.is_file():
        found = "is no file" if path.exists() else "is not there"
        raise PathNotFound(f"score file {path} {found}", "check the path")
    content = path.read_bytes()
    if not content.strip():
        raise ScoreFileInvalid(f"{path.name} is empty", "write the scores into it")
    data = _parse(content, path)
    reader = next((reader for reader in readers() if reader.fits(data)), None)
    if reader is None:
        raise ScoreFileInvalid(
            f"{path.name}: no known format of scores",
            "docs/reference/scores.md lists the formats, and describes hubtool's own",
        )
    scores = reader.read(data, path, choice or Choice())
    source = (path.name, hashlib.sha256(content).hexdigest())
    return dataclasses.replace(
        scores,
        candidate=_sourced(scores.candidate, path.name, "candidate", source),
        baseline=_sourced(scores.baseline, path.name, "baseline", source),
    )


def read_all_scores(
    candidate: Sequence[Path], baseline: Sequence[Path] = (), choice: Choice | None = None
) -> ScoreSet:
    """The scores of several files as one set; ``baseline`` files hold the other model's scores.

    Raises what :func:`read_scores` raises, also for a benchmark that two files hold.
    """
    sets = [read_scores(path, choice) for path in candidate]
    asked = set(choice.filters) if choice else set()
    read = [score for one in sets for score in one.candidate]
    told = {name for score in read for name in (score.benchmark, score.variant)}
    if lost := sorted(asked - told):
        raise ScoreFileInvalid(
            f"{candidate[-1].name}: there is no task {lost[0]} to filter", "name one of its tasks"
        )
    others = [read_scores(path, choice) for path in baseline]
    repos = [one.baseline_repo for one in sets if one.baseline_repo]
    if len(set(repos)) > 1:
        raise ScoreFileInvalid(
            f"{candidate[-1].name}: baseline_repo: {' and '.join(sorted(set(repos)))} are named",
            "compare with one quant at a time",
        )
    return ScoreSet(
        candidate=_once([score for one in sets for score in one.candidate], "candidate"),
        baseline=_once(
            [
                *(score for one in sets for score in one.baseline),
                *(score for one in others for score in one.candidate),
            ],
            "baseline",
        ),
        baseline_repo=repos[0] if repos else None,
    )


def _parse(content: bytes, path: Path) -> Any:
    """The file's data: of a card its front matter, of JSON lines a list of their values."""
    if path.suffix.lower() == ".md":
        return split_card(content.decode("utf-8", "replace")).data
    if path.suffix.lower() in _YAML:
        data, problems = read_yaml(content.decode("utf-8", "replace"))
        if data is None and problems:
            where = f"line {problems[0].line}: " if problems[0].line else ""
            raise ScoreFileInvalid(f"{path.name}: {where}{problems[0].message}", "mend the file")
        return data
    try:
        return _loads(content, path)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScoreFileInvalid(f"{path.name}, line {line}: not UTF-8", "save it so") from error
    except ValueError as error:
        lines = [line for line in content.split(b"\n") if line.strip()]
        try:
            return [_loads(line, path) for line in lines]
        except ValueError:
            raise ScoreFileInvalid(f"{path.name} is not JSON: {error}", "mend the file") from error


def _loads(text: bytes, path: Path) -> Any:
    """JSON in which no key stands twice: of two values only one could be read."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ScoreFileInvalid(
                f"{path.name}: {twice[:60]}: the key stands twice in one object",
                "keep one of the two",
            )
        return found

    try:
        return json.loads(text, parse_constant=lambda word: math.nan, object_pairs_hook=once)
    except RecursionError as error:
        raise ScoreFileInvalid(f"{path.name} is nested too deeply", "mend the file") from error


def _sourced(
    scores: Iterable[Score], file: str, side: str, source: tuple[str, str]
) -> tuple[Score, ...]:
    """The scores, each found sound and with its source unless it names one that it came from."""
    found = []
    for score in scores:
        value = score.value_percent
        if not math.isfinite(value) or not 0 <= value <= 100:
            raise ScoreFileInvalid(
                f"{file}: {side}.{score.benchmark}: {value} is not a percentage",
                "correct the value",
            )
        named = (score.source_file or source[0], score.source_sha256 or source[1])
        found.append(dataclasses.replace(score, source_file=named[0], source_sha256=named[1]))
    return _once(found, side)


def _once(scores: Sequence[Score], side: str) -> tuple[Score, ...]:
    seen: dict[str, Score] = {}
    for score in scores:
        if score.benchmark in seen:
            files = {str(seen[score.benchmark].source_file), str(score.source_file)}
            raise ScoreFileInvalid(
                f"{' and '.join(sorted(files))}: {side}.{score.benchmark} stands twice"
                f" ({seen[score.benchmark].display_name}; {score.display_name})",
                "keep one of the two: `hubtool scores convert --task` takes one",
            )
        seen[score.benchmark] = score
    return tuple(scores)
