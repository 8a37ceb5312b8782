"""The file named Notice that some licences want: one line each, as the licence prints it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from hubtool.licences.declared import Named
from hubtool.licences.families import families_of

NOTICE_FILE = "Notice"
# the line stands in quotation marks, within the sentence that asks for a file named Notice
_LINE = re.compile(r"[\"“”']Notice[\"“”'].{0,300}?[\"“]([^\"“”]{20,600})[\"”]", re.DOTALL)


def asks_for_notice(owner: Named) -> bool:
    """Whether a licence of this declaration wants a file named Notice."""
    return any(family.notice for family in families_of(owner))


def notice_line(licence_text: str) -> str | None:
    """The line that an agreement wants in a file named Notice, as it prints it, else None."""
    match = _LINE.search(licence_text)
    return " ".join(match[1].split()) if match else None


def lines_of(texts: Mapping[str, bytes]) -> tuple[str, ...]:
    """The lines that an owner's licence files print; else what its own notice file says.

    ``texts`` maps the owner's licence files to their content. Empty if there is neither.
    """
    decoded = {path: content.decode("utf-8", "replace") for path, content in texts.items()}
    printed = [line for text in decoded.values() if (line := notice_line(text))]
    own = [text.strip() for path, text in decoded.items() if is_notice(path) and text.strip()]
    return tuple(dict.fromkeys(printed or own))


def is_notice(path: str) -> bool:
    """Whether a file is a notice by its name."""
    return PurePosixPath(path).name.lower().startswith("notice")


def notice_path(licence_files: Iterable[str]) -> str:
    """Where our notice goes: beside a file of that name, in any case, that the base has."""
    taken = {path.lower() for path in licence_files}
    return NOTICE_FILE if NOTICE_FILE.lower() not in taken else f"{NOTICE_FILE}-quant"


def missing_lines(lines: Iterable[str], notice_texts: Iterable[str]) -> tuple[str, ...]:
    """Those of ``lines`` that no notice file holds; white space does not count."""
    held = " ".join(" ".join(text.split()) for text in notice_texts)
    return tuple(line for line in lines if " ".join(line.split()) not in held)
