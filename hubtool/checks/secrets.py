"""What must not leave this machine: tokens and its paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hubtool.artifact.headers import LENGTH_BYTES, header_length
from hubtool.checks.interface import CheckSubject, Finding, verdict

FINDS = {
    "secrets/token": "no token in any file",
    "secrets/paths": "no path of this machine in any file",
}
_TOKEN = re.compile(rb"\bhf_[A-Za-z0-9]{20,}|\bapi_org_[A-Za-z0-9]{20,}")
# a vocabulary holds any text: a path or a short token in it means nothing
_VOCABULARIES = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt")
_SHORTEST_TOKEN = 4
_SURELY_SECRET = 20  # characters; no vocabulary holds a token of this length by chance
_BINARY = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".model", ".tiktoken", ".pdf")


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``secrets/*`` over every text file of the folder, and the headers of the weights."""
    tokens, paths = [], []
    own_paths = _own_paths(subject)
    for file in sorted(subject.folder.rglob("*")):
        if not file.is_file() or file.suffix.lower() in _BINARY:
            continue
        name, content = file.relative_to(subject.folder).as_posix(), _text_of(file)
        vocabulary = file.name in _VOCABULARIES
        if _holds_token(content, vocabulary=vocabulary):
            tokens.append(name)
        if not vocabulary:
            paths += [(name, path) for path, found in own_paths.items() if found.search(content)]
    yield verdict(
        "secrets/token",
        f"a token stands in {', '.join(tokens)}" if tokens else None,
        "no token in any file",
        "remove it, and revoke that token on the Hub",
        tokens[0] if tokens else "",
    )
    shown = ", ".join(f"{name} ({path})" for name, path in paths)
    yield verdict(
        "secrets/paths",
        f"paths of this machine: {shown}" if paths else None,
        "no path of this machine in any file",
        "remove them",
        paths[0][0] if paths else "",
    )


def _text_of(file: Path) -> bytes:
    """All of a file; of safetensors the header, where converters leave notes."""
    if file.suffix != ".safetensors":
        return file.read_bytes()
    with file.open("rb") as stream:
        length = header_length(stream.read(LENGTH_BYTES), file.stat().st_size, name=file.name)
        return stream.read(length)


def _holds_token(content: bytes, *, vocabulary: bool) -> bool:
    """Whether something like a Hub token stands there, or the value of ``HF_TOKEN``."""
    own = os.environ.get("HF_TOKEN", "").encode()
    telling = len(own) >= (_SURELY_SECRET if vocabulary else _SHORTEST_TOKEN)
    return _TOKEN.search(content) is not None or (telling and own in content)


def _own_paths(subject: CheckSubject) -> dict[str, re.Pattern[bytes]]:
    """The home folder and where quant and base lie, each with a pattern that finds it.

    Never ``/`` alone, and not within a longer path, an address or a closing
    tag. A place right under the root is told only with something below it:
    ``/data`` may be a word of any text.
    """
    folders = [subject.folder, *([subject.base_folder] if subject.base_folder else [])]
    places = {Path.home(), *(folder.absolute().parent for folder in folders)}
    places |= {place.resolve() for place in places}
    return {
        str(place): re.compile(
            rb"(?<![\w.<-])"
            + re.escape(os.fsencode(place))
            + (rb"(?![\w-])" if len(place.parts) > 2 else b"/")
        )
        for place in sorted(places)
        if len(place.parts) > 1
    }
