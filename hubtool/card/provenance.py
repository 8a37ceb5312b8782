"""``optiq/release.json``: where a quant comes from, as far as its bytes cannot tell.

Together with the weights, ``config.json`` and ``optiq/scores.json`` it is all
that a card is made from, so a folder or a repo can be carded again alone.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import ClassVar

from hubtool.records import FileHash, Record

FILE = "optiq/release.json"
SCORES_FILE = "optiq/scores.json"


@dataclasses.dataclass(frozen=True)
class LicenceFacts:
    """A licence as the repo at ``revision`` declares it. ``link`` is absolute."""

    repo: str
    revision: str
    identifiers: tuple[str, ...]
    name: str | None
    link: str | None


@dataclasses.dataclass(frozen=True)
class MeasurementFacts:
    """How sensitivity was measured; see ``hubtool.quantize.sensitivity``."""

    method: str
    reference: str
    reference_reason: str
    calibration_sha256: str
    domains: tuple[str, ...]
    samples: int
    tokens: int


@dataclasses.dataclass(frozen=True)
class Provenance(Record):
    """One release. Paths are relative to the repo; no path of a machine is in here."""

    schema: ClassVar[int] = 1
    repo: str
    base_repo: str
    base_revision: str
    base_url: str
    qat_evidence: str | None  # where the base says that it was trained for quantization
    pipeline_tag: str | None  # of the base
    languages: tuple[str, ...]
    base_tags: tuple[str, ...]
    licence: LicenceFacts
    licence_files: tuple[FileHash, ...]
    also_bound_by: tuple[LicenceFacts, ...]
    measurement: MeasurementFacts | None
    target_bpw: float | None
    made_by: str  # "hubtool", or the method that the imported folder names
    drafter: str | None
    baseline: str | None
    template: str
    template_sha256: str
    brand: str
    tools: dict[str, str]  # package -> version
    git_commit: str | None
    git_tag: str | None
    files: tuple[str, ...]  # every path of the release, this file's own included

    @classmethod
    def of_folder(cls, folder: Path) -> Provenance:
        """What the folder's own file says."""
        return cls.from_json(json.loads((folder / FILE).read_text(encoding="utf-8")))
