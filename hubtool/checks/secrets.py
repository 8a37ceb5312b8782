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
_TOKEN = re.compile(
    rb"\bhf_[A-Za-z0-9]{20,}|\bhf_jwt_[A-Za-z0-9_.-]{20,}|\bapi_org_[A-Za-z0-9]{20,}"
)
# a vocabulary holds any text: a path or a short token in it means nothing
_VOCABULARIES = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt")
_SHORTEST_TOKEN = 4
_SURELY_SECRET = 20  # characters; no vocabulary holds a token of this length by chance
_PIECE_BYTES, _OVERLAP_BYTES = 8_000_000, 1_000  # longer than a token or a path
_BINARY = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".model", ".tiktoken", ".pdf")


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``secrets/*`` over every text file of the folder, and the headers of the weights."""
    tokens: list[str] = []
    paths: list[tuple[str, str]] = []
    own_paths = _own_paths(subject)
    listed = subject.origin.not_read if subject.origin else ()
    not_read = {one.rpartition(" (")[0] for one in listed}  # "NAME (SIZE)"
    for file in sorted(subject.folder.rglob("*")):
        name = file.relative_to(subject.folder).as_posix()
        if not file.is_file() or file.suffix.lower() in _BINARY or name in not_read:
            continue
        vocabulary = file.name in _VOCABULARIES
        token = False
        shown_paths: dict[tuple[str, str], None] = {}
        for piece in _pieces(file):
            token = token or _holds_token(piece, vocabulary=vocabulary)
            if not vocabulary:
                found = (path for path, pattern in own_paths.items() if pattern.search(piece))
                shown_paths |= dict.fromkeys((name, path) for path in found)
        tokens += [name] if token else []
        paths += list(shown_paths)
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


def _pieces(file: Path) -> Iterator[bytes]:
    """A file piece by piece, each with the end of the one before.

    Of safetensors only the header, where converters leave notes.
    """
    with file.open("rb") as stream:
        if file.suffix == ".safetensors":
            length = header_length(stream.read(LENGTH_BYTES), file.stat().st_size, name=file.name)
            yield stream.read(length)
            return
        end = b""
        while piece := stream.read(_PIECE_BYTES):
            yield end + piece
            end = piece[-_OVERLAP_BYTES:]


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
