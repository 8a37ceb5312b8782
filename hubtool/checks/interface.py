"""The shape of a check and of what it finds."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

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
