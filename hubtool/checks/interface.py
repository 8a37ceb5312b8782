"""The shape of a check, what it looks at, and what it finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

from hubtool.base.source import Base
from hubtool.licences.declared import DeclaredLicence
from hubtool.records import Record

Result = Literal["pass", "fail", "warn", "skip"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check says: a stable ``id`` (``layout/index``), ``subject`` a file or tensor.

    A skipped check carries its reason in ``message``; a failed one its remedy.
    """

    id: str
    result: Result
    message: str
    remedy: str = ""
    subject: str = ""


@dataclasses.dataclass(frozen=True)
class Findings(Record):
    """All findings of one run over one quant, in the order the checks ran."""

    schema: ClassVar[int] = 1
    subject: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that stop a release."""
        return tuple(finding for finding in self.findings if finding.result == "fail")


@dataclasses.dataclass(frozen=True)
class RemoteOrigin:
    """The repo that a folder shows: its small files are there, of its weights the headers.

    ``stored_as_lfs`` and ``not_read`` are paths; the latter with their sizes.
    """

    repo: str
    commit: str
    stored_as_lfs: tuple[str, ...]
    not_read: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class CheckSubject:
    """A quant folder, and what is known besides: the base's record, its weights, the looks.

    ``template`` and ``brand`` default to those that the folder's provenance
    names; with ``trust_remote_code`` Python files may be in the folder.
    ``origin`` is given for a repo on a Hub, whose weights are not here.
    ``validate`` asks a Hub what it refuses in a card's text. ``licences`` is what
    the base and its ancestors declare, where these were read without the base.
    """

    folder: Path
    base: Base | None = None
    base_folder: Path | None = None
    template: str | None = None
    brand: str | None = None
    trust_remote_code: bool = False
    origin: RemoteOrigin | None = None
    validate: Callable[[str], tuple[str, ...]] | None = None
    licences: tuple[DeclaredLicence, ...] = ()

    @property
    def declared(self) -> tuple[DeclaredLicence, ...]:
        """The base's licence and its ancestors', as they declare them; empty if not read."""
        return self.base.licences if self.base else self.licences

    @property
    def name(self) -> str:
        """The folder's name, or the repo at its commit."""
        return f"{self.origin.repo}@{self.origin.commit}" if self.origin else self.folder.name


NO_WEIGHTS_HERE = "the weights are on the Hub; download them to check this"

Check = Callable[[CheckSubject], Iterator[Finding]]


def verdict(id_: str, problem: str | None, good: str, remedy: str, subject: str = "") -> Finding:
    """A finding that fails with ``problem``, or passes and says what is ``good``."""
    if problem is None:
        return Finding(id_, "pass", good, subject=subject)
    return Finding(id_, "fail", problem, remedy, subject)
