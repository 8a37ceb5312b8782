"""Score files of every format become one ScoreSet; each format is one module beside this one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from hubtool.errors import PathNotFound, ScoreFileInvalid
from hubtool.scores.record import Score, ScoreSet


class Reader(Protocol):
    """One format, which is one module: recognised by shape, never by name."""

    def fits(self, data: Any) -> bool:
        """Whether this parsed JSON is of the format."""

    def read(self, data: Any, file: str) -> ScoreSet:
        """The scores in it. Raises ScoreFileInvalid naming file and field."""


def readers() -> tuple[Reader, ...]:
    """All formats, the most specific first."""
    from hubtool.scores.readers import bfcl, hubtool_json, lm_eval, optiq_eval

    return (hubtool_json, optiq_eval, lm_eval, bfcl)


def read_scores(path: Path) -> ScoreSet:
    """The scores in a file, with its name and sha256.

    Raises PathNotFound, and ScoreFileInvalid for an unknown format, NaN, a
    value outside 0..100, or a benchmark that stands twice.
    """
    if not path.is_file():
        raise PathNotFound(f"no score file at {path}", "check the path")
    content = path.read_bytes()
    data = _parse(content, path.name)
    reader = next((reader for reader in readers() if reader.fits(data)), None)
    if reader is None:
        raise ScoreFileInvalid(
            f"{path.name}: no known format of scores",
            "docs/reference/scores.md lists the formats, and describes hubtool's own",
        )
    scores = reader.read(data, path.name)
    for side in ("candidate", "baseline"):
        _require_sound(getattr(scores, side), path.name, side)
    digest = hashlib.sha256(content).hexdigest()
    return dataclasses.replace(scores, source_file=path.name, source_sha256=digest)


def _parse(content: bytes, name: str) -> Any:
    """The file's JSON; a list of values if it is JSON lines."""

    def loads(text: bytes) -> Any:
        return json.loads(text, parse_constant=lambda word: math.nan)

    try:
        return loads(content)
    except ValueError as error:
        lines = [line for line in content.split(b"\n") if line.strip()]
        try:
            return [loads(line) for line in lines]
        except ValueError:
            raise ScoreFileInvalid(f"{name} is not JSON: {error}", "mend the file") from error


def _require_sound(scores: Iterable[Score], file: str, side: str) -> None:
    seen: set[str] = set()
    for score in scores:
        field = f"{file}: {side}.{score.benchmark}"
        value = score.value_percent
        if not math.isfinite(value) or not 0 <= value <= 100:
            raise ScoreFileInvalid(f"{field}: {value} is not a percentage", "correct the value")
        if score.benchmark in seen:
            raise ScoreFileInvalid(f"{field} stands twice", "keep one of the two")
        seen.add(score.benchmark)
