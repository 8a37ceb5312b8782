"""What must not leave this machine: tokens and its paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hubtool.checks.interface import CheckSubject, Finding, verdict

_TOKEN = re.compile(rb"\bhf_[A-Za-z0-9]{20,}|\bapi_org_[A-Za-z0-9]{20,}")
# a vocabulary holds any text; a path or a short token in it means nothing
_VOCABULARIES = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt")
_BINARY = (".safetensors", ".png", ".jpg", ".webp", ".gif", ".model", ".tiktoken", ".pdf")


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``secrets/*`` over every text file of the folder."""
    tokens, paths = [], []
    for file in sorted(subject.folder.rglob("*")):
        if not file.is_file() or file.suffix in _BINARY or file.name in _VOCABULARIES:
            continue
        content = file.read_bytes()
        name = file.relative_to(subject.folder).as_posix()
        if _holds_token(content):
            tokens.append(name)
        paths += [f"{name} ({own})" for own in _own_paths(subject) if own.encode() in content]
    yield verdict(
        "secrets/token",
        f"a token stands in {', '.join(tokens)}" if tokens else None,
        "no token in any file",
        "remove it, and revoke that token on the Hub",
        tokens[0] if tokens else "",
    )
    yield verdict(
        "secrets/paths",
        f"paths of this machine: {', '.join(paths)}" if paths else None,
        "no path of this machine in any file",
        "remove them",
        paths[0].split(" ")[0] if paths else "",
    )


def _holds_token(content: bytes) -> bool:
    own = os.environ.get("HF_TOKEN", "")
    return _TOKEN.search(content) is not None or (len(own) > 3 and own.encode() in content)


def _own_paths(subject: CheckSubject) -> tuple[str, ...]:
    """The home folder and where the quant lies; never ``/`` alone."""
    folder = subject.folder.absolute()
    return tuple(f"{path}/" for path in {str(Path.home()), str(folder.parent)} if len(path) > 1)
