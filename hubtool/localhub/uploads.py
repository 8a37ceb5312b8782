"""LFS uploads in progress: each has an address of its own that authorises it."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import secrets
import threading
from pathlib import Path

from hubtool.localhub.blobs import BlobStore
from hubtool.localhub.refusal import Refusal

PART_BYTES = 16_000_000
MULTIPART_FROM_BYTES = 48_000_000
JOIN_CHUNK_BYTES = 1 << 20


@dataclasses.dataclass
class Upload:
    """One object on its way in: its promised hash and size, and the parts that have arrived."""

    token: str
    sha256: str
    size: int
    part_bytes: int | None  # None: one PUT for the whole object
    parts: dict[int, tuple[Path, str]] = dataclasses.field(default_factory=dict)

    @property
    def part_count(self) -> int:
        """How many parts a multipart upload has."""
        return math.ceil(self.size / self.part_bytes) if self.part_bytes else 1


class Uploads:
    """Uploads by token. They live as long as the server: its restart drops them."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def start(self, sha256: str, size: int, *, multipart: bool) -> Upload:
        """A new upload; large objects go in parts if the client knows how."""
        in_parts = multipart and size >= MULTIPART_FROM_BYTES
        upload = Upload(secrets.token_hex(16), sha256, size, PART_BYTES if in_parts else None)
        with self._lock:
            self._uploads[upload.token] = upload
        return upload

    def get(self, token: str) -> Upload:
        """The upload that a token stands for; 404 for an unknown or finished one."""
        upload = self._uploads.get(token)
        if upload is None:
            raise Refusal(404, "this upload address is not known, or no longer")
        return upload

    def finish(self, upload: Upload, file: Path, sha256: str) -> None:
        """Store a whole object; 400, and nothing is kept, if it is not what was promised."""
        size = file.stat().st_size
        if (size, sha256) != (upload.size, upload.sha256):
            file.unlink()
            raise Refusal(
                400,
                f"expected {upload.size} bytes with sha256 {upload.sha256},"
                f" got {size} bytes with sha256 {sha256}",
            )
        self._blobs.adopt(file, sha256)
        self._forget(upload)

    def add_part(self, upload: Upload, number: int, file: Path, etag: str) -> None:
        """Keep one part, numbered from 1; a part sent again replaces the first."""
        if not 1 <= number <= upload.part_count:
            file.unlink()
            raise Refusal(400, f"part {number} of {upload.part_count}")
        with self._lock:
            before = upload.parts.pop(number, None)
            upload.parts[number] = (file, etag)
        if before is not None:
            before[0].unlink(missing_ok=True)

    def complete(self, upload: Upload, claimed: list[tuple[int, str]]) -> None:
        """Join the parts; 400 if one is missing or its etag is not the one that was given."""
        have = [(number, upload.parts[number][1]) for number in sorted(upload.parts)]
        if sorted(claimed) != have or len(have) != upload.part_count:
            raise Refusal(400, f"parts {sorted(claimed)} were named, {have} have arrived")
        joined, digest = self._blobs.temporary(), hashlib.sha256()
        with joined.open("wb") as target:
            for number in sorted(upload.parts):
                with upload.parts[number][0].open("rb") as part:
                    while chunk := part.read(JOIN_CHUNK_BYTES):
                        digest.update(chunk)
                        target.write(chunk)
        self.finish(upload, joined, digest.hexdigest())

    def _forget(self, upload: Upload) -> None:
        with self._lock:
            self._uploads.pop(upload.token, None)
        for file, _ in upload.parts.values():
            file.unlink(missing_ok=True)
