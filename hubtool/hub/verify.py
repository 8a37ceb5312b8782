"""Verify: read back what arrived and compare it with what was sent."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from hubtool.artifact.headers import read_header, read_remote_header
from hubtool.errors import VerificationFailed
from hubtool.hub.client import HubClient
from hubtool.hub.content import same_content
from hubtool.hub.receipt import Receipt
from hubtool.records import FileHash

REMEDY = "run the same command again; if it stays, look at the repo's page"


def verify_publish(hub: HubClient, receipt: Receipt, folder: Path) -> Receipt:
    """The receipt with ``verified=True``, after everything was read back.

    Compared are the listing, sizes and hashes of all files, the safetensors
    headers (over HTTP ranges), the card's bytes, and the front matter that the
    Hub took from it. Raises VerificationFailed naming file and both values.
    """
    remote = {file.path: file for file in hub.list_files(receipt.repo, receipt.commit)}
    for file in receipt.files:
        found = remote.get(file.path)
        if found is None:
            raise _differs(receipt, file.path, "a file", "nothing")
        if not same_content(folder, file, found):
            theirs = f"{found.size_bytes} bytes, {found.etag}"
            raise _differs(receipt, file.path, f"{file.size_bytes} bytes, {file.sha256}", theirs)
        if file.path.endswith(".safetensors"):
            _verify_header(hub, receipt, folder, file)
    _verify_card(hub, receipt, folder)
    return dataclasses.replace(receipt, verified=True)


def _verify_header(hub: HubClient, receipt: Receipt, folder: Path, file: FileHash) -> None:
    def read(start: int, length: int) -> bytes:
        return hub.read_range(receipt.repo, file.path, receipt.commit, start, length)

    theirs = read_remote_header(read, file.size_bytes, name=file.path)
    ours = read_header(folder / file.path)
    if theirs != ours:
        raise _differs(
            receipt, file.path, f"{len(ours.tensors)} tensors", f"{len(theirs.tensors)} others"
        )


def _verify_card(hub: HubClient, receipt: Receipt, folder: Path) -> None:
    """The card's bytes, and that the Hub has read its front matter (on main only)."""
    card = folder / "README.md"
    if not card.is_file():
        return
    sent = card.read_bytes()
    found = hub.read_bytes(receipt.repo, "README.md", receipt.commit)
    if found != sent:
        ours = hashlib.sha256(sent).hexdigest()
        theirs = hashlib.sha256(found or b"").hexdigest()
        raise _differs(receipt, "README.md", ours, theirs)
    from huggingface_hub import ModelCard

    wanted = ModelCard(sent.decode("utf-8"), ignore_metadata_errors=True).data.to_dict()
    shown = hub.resolve_revision(receipt.repo, receipt.commit).card_metadata
    for field, value in wanted.items():
        if shown.get(field) != value:
            raise _differs(receipt, f"README.md: {field}", repr(value), repr(shown.get(field)))


def _differs(receipt: Receipt, what: str, sent: str, found: str) -> VerificationFailed:
    return VerificationFailed(
        f"{receipt.repo} at {receipt.commit[:12]}: {what}: sent {sent}, found {found}",
        REMEDY,
        repo=receipt.repo,
        subject=what,
    )
