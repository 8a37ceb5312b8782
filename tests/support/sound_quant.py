"""A quant folder with which nothing is wrong, and ways to spoil it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from hubtool.base.source import Base, DeclaredLicence
from hubtool.card.example_parts import provenance
from hubtool.card.provenance import CardWish, LicenceFacts
from hubtool.card.templates import brand_sha256, template_sha256
from hubtool.card.write import lay_out
from hubtool.records import hash_file
from tests.support.toy_weights import write_quant

LICENCE = b"Terms of a test\n"
BASE = "acme/base"
REVISION = "a" * 40


def write_sound_quant(folder: Path) -> None:
    """A quant of toy weights with card, licence and provenance; only it would not load."""
    write_quant(folder)
    (folder / "LICENSE").write_bytes(LICENCE)
    (folder / "tokenizer.json").write_text("{}")
    wish = CardWish("plain", template_sha256("plain"), "plain", brand_sha256("plain"), None, None)
    made = provenance(
        base_repo=BASE,
        base_revision=REVISION,
        drafter=None,
        licence=LicenceFacts(BASE, REVISION, ("mit",), None, None, files=("LICENSE",)),
        licence_files=(hash_file(folder, "LICENSE"),),
        template="plain",
        brand="plain",
    )
    lay_out(folder, made, None, wish, {}, existing=None).write(folder)


def base(**changes: object) -> Base:
    """The record of the base that the quant was made from."""
    own = DeclaredLicence(BASE, REVISION, ("mit",), None, None, ("LICENSE",))
    whole = Base(
        repo=BASE,
        revision=REVISION,
        config={},
        card_metadata={},
        files=(),
        licences=(own,),
        gated="",
        private=False,
        target_repo="me/q",
        canonical_url="",
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def change_json(path: str, **changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / path
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new))

    return change


def write(path: str, content: str | bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)

    return change


def remove(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()
