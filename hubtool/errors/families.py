"""The root of all errors, and its families: one per exit code.

0 done, 1 a check or a verification failed, 2 bad usage or input, 3 refused by a
licence or safety rule, 4 Hub or network (after retries), 5 interrupted (run the
same command to resume), 70 a bug in hubtool.
"""

from __future__ import annotations

from typing import ClassVar


class HubtoolError(Exception):
    """A problem that hubtool can name, with the one edit or command that mends it.

    ``message`` says what is wrong (repo, file, field, found and wanted),
    ``remedy`` what to do, ``details`` the same as data for ``--json``.
    """

    exit_code: ClassVar[int] = 70
    id: ClassVar[str] = "HT0000"

    def __init__(self, message: str, remedy: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = details

    def to_json(self) -> dict[str, object]:
        """The error as one JSON object, as ``--json`` prints it."""
        return {
            "error": self.id,
            "message": self.message,
            "remedy": self.remedy,
            "details": self.details,
        }


class CheckError(HubtoolError):
    """A check or a verification found something wrong."""

    exit_code, id = 1, "HT0001"


class InputError(HubtoolError):
    """Something that was asked for or handed in cannot be used."""

    exit_code, id = 2, "HT0002"


class RefusedError(HubtoolError):
    """A licence or a safety rule forbids it."""

    exit_code, id = 3, "HT0003"


class HubError(HubtoolError):
    """The Hub or the network did not do what was needed, after all retries."""

    exit_code, id = 4, "HT0004"


class InterruptedRun(HubtoolError):
    """The run was stopped from outside; the same command continues it."""

    exit_code, id = 5, "HT0005"
