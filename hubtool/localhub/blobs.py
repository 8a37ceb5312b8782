"""Content-addressed files: ``blobs/ab/cd/<sha256>``, and unfinished ones in ``uploads/``."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from pathlib import Path

LINK_FROM_BYTES = 1_000_000  # below this a copy is as fast and safe against later edits


def is_sha256(text: object) -> bool:
    """Whether ``text`` is a sha256 in hex; nothing else may become a path."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{64}", text) is not None


class BlobStore:
    """Bytes by their sha256. A blob appears under its name whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._blobs.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._uploads, ignore_errors=True)  # left by a server that was killed
        self._uploads.mkdir()

    def path(self, sha256: str) -> Path:
        """Where the blob lies, or would lie."""
        return self._blobs / sha256[:2] / sha256[2:4] / sha256

    def size(self, sha256: str) -> int | None:
        """Size of a stored blob in bytes, None if it is not stored."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def temporary(self) -> Path:
        """A new name in ``uploads/``; nothing is created."""
        return self._uploads / secrets.token_hex(16)

    def adopt(self, temporary: Path, sha256: str) -> None:
        """Move a finished file, whose hash was checked, to its place."""
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)

    def add_bytes(self, content: bytes) -> str:
        """Store small content; returns its sha256 (hex)."""
        sha256 = hashlib.sha256(content).hexdigest()
        if self.size(sha256) is None:
            temporary = self.temporary()
            temporary.write_bytes(content)
            self.adopt(temporary, sha256)
        return sha256

    def add_file(self, source: Path) -> tuple[str, int]:
        """Store a file; returns its sha256 (hex) and size in bytes.

        A large file is hard-linked where the file system allows it, so it must
        be replaced, not edited in place, afterwards.
        """
        temporary = self.temporary()
        real = source.resolve()
        try:
            if real.stat().st_size < LINK_FROM_BYTES:
                shutil.copyfile(real, temporary)
            else:
                os.link(real, temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(real, temporary)
        with temporary.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = temporary.stat().st_size
        if self.size(sha256) is None:
            self.adopt(temporary, sha256)
        else:
            temporary.unlink()
        return sha256, size

    def read(self, sha256: str, start: int = 0, length: int = -1) -> bytes:
        """Bytes of a stored blob; ``length`` -1 reads to the end."""
        with self.path(sha256).open("rb") as stream:
            stream.seek(start)
            return stream.read(length)
