"""The card's front matter: valid for the Hub, and true about base, relation and modality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubtool.artifact.layout import VISION_SIDECAR
from hubtool.card.frontmatter import FrontMatter, split_card
from hubtool.card.metadata_rules import metadata_problems
from hubtool.card.provenance import FILE, Provenance
from hubtool.checks.interface import CheckSubject, Finding, verdict

CARD = "README.md"


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``metadata/*``: what the Hub reads from the card."""
    file = subject.folder / CARD
    text = file.read_bytes().decode("utf-8", errors="replace") if file.is_file() else ""
    card = split_card(text)
    yield from _rules(card)
    yield _base(card.data, base_repo(subject))
    yield _modality(subject, card.data)


def base_repo(subject: CheckSubject) -> str | None:
    """The base's id: from its record, else from the folder's provenance."""
    if subject.base is not None:
        return subject.base.repo
    known = (subject.folder / FILE).is_file()
    return Provenance.of_folder(subject.folder).base_repo if known else None


def _rules(card: FrontMatter) -> Iterator[Finding]:
    problems = metadata_problems(card)
    errors = [one for one in problems if one.severity == "error" or not card.readable]
    for one in errors:
        where = f"{CARD}, line {one.line}" if one.line else CARD
        yield Finding("metadata/valid", "fail", one.message, "correct the front matter", where)
    if not errors:
        yield Finding("metadata/valid", "pass", "the Hub accepts the front matter", subject=CARD)
    for one in problems:
        if one not in errors:
            yield Finding("metadata/advice", "warn", one.message, subject=CARD)


def _base(data: dict[str, Any], base: str | None) -> Finding:
    wanted = {"base_model": base, "base_model_relation": "quantized", "library_name": "mlx"}
    wrong = [
        f"{key} is {data.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if value is not None and data.get(key) not in (value, [value])
    ]
    return verdict(
        "metadata/base",
        "; ".join(wrong) or None,
        f"a quantized model of {base or data.get('base_model')} for mlx",
        "render the card again: `hubtool card`",
        CARD,
    )


def _modality(subject: CheckSubject, data: dict[str, Any]) -> Finding:
    """Without its tower a quant is no image-text-to-text model, and with it it is."""
    has_vision = (subject.folder / VISION_SIDECAR).is_file()
    tag = data.get("pipeline_tag")
    problem = None
    if has_vision and tag != "image-text-to-text":
        problem = f"pipeline_tag is {tag!r} although {VISION_SIDECAR} is there"
    return verdict(
        "metadata/modality",
        problem,
        f"pipeline_tag {tag}",
        "render the card again: `hubtool card`",
        CARD,
    )
