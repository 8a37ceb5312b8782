"""The card's front matter: valid for the Hub, and true about base, relation and modality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.base.lineage import parents_of
from hubtool.card.compose import CARD_FILE, has_towers
from hubtool.card.frontmatter import FrontMatter, split_card
from hubtool.card.metadata import is_of_the_base
from hubtool.card.metadata_rules import metadata_problems
from hubtool.card.provenance import Provenance
from hubtool.checks.interface import CheckSubject, Finding, verdict

FINDS = {
    "metadata/valid": "the Hub accepts the front matter",
    "metadata/hub": "the Hub's own validator accepts the front matter",
    "metadata/advice": "what some readers of the front matter stumble over",
    "metadata/base": "base model, relation and library are right",
    "metadata/inherited": "nothing that is true of the base alone was copied",
    "metadata/modality": "the pipeline tag fits the towers",
}


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``metadata/*``: what the Hub reads from the card."""
    card = card_of(subject)
    yield from _rules(card)
    yield _hub_rules(subject)
    yield unreadable("metadata/base", card) or _base(card.data, base_of(subject)[0])
    yield from _inherited(card.data)
    yield unreadable("metadata/modality", card) or _modality(subject, card.data)


def card_of(subject: CheckSubject) -> FrontMatter:
    """The card in two parts; that of an empty text if there is none."""
    file = subject.folder / CARD_FILE
    text = file.read_bytes().decode("utf-8", errors="replace") if file.is_file() else ""
    return split_card(text)


def unreadable(id_: str, card: FrontMatter) -> Finding | None:
    """The check ``id_`` failed since no field of the card can be read; None if they can be.

    Every check of the fields says so in these words, and a run tells it once.
    """
    if card.readable:
        return None
    worst = metadata_problems(card)[0]
    where = f"{CARD_FILE}, line {worst.line}" if worst.line else CARD_FILE
    return Finding(id_, "fail", worst.message, "correct the front matter", where)


def base_of(subject: CheckSubject) -> tuple[str | None, str | None]:
    """(id, revision) of the base: from its record, the folder's provenance, or the card."""
    if subject.base is not None:
        return subject.base.repo, subject.base.revision
    if (subject.folder / PROVENANCE_FILE).is_file():
        known = Provenance.of_folder(subject.folder)
        return known.base_repo, known.base_revision or None
    return next(iter(parents_of(card_of(subject).data)), None), None


def _rules(card: FrontMatter) -> Iterator[Finding]:
    problems = metadata_problems(card)
    errors = [one for one in problems if one.severity == "error" or not card.readable]
    for one in errors:
        where = f"{CARD_FILE}, line {one.line}" if one.line else CARD_FILE
        yield Finding("metadata/valid", "fail", one.message, "correct the front matter", where)
    if not errors:
        yield Finding(
            "metadata/valid", "pass", "the Hub accepts the front matter", subject=CARD_FILE
        )
    for one in problems:
        if one not in errors:
            yield Finding("metadata/advice", "warn", one.message, subject=CARD_FILE)


def _hub_rules(subject: CheckSubject) -> Finding:
    """The Hub's endpoint, where there is a Hub to ask: its rules may be newer than ours."""
    if subject.validate is None:
        return Finding(
            "metadata/hub",
            "skip",
            "no Hub was asked: a release, a push and `hubtool check ORG/NAME` do",
        )
    file = subject.folder / CARD_FILE
    text = file.read_bytes().decode("utf-8", errors="replace") if file.is_file() else ""
    refused = "; ".join(subject.validate(text))
    return verdict(
        "metadata/hub",
        f"the Hub refuses it: {refused}" if refused else None,
        "the Hub's own validator accepts the front matter",
        "correct the front matter",
        CARD_FILE,
    )


def _base(data: dict[str, Any], base: str | None) -> Finding:
    wanted = {"base_model": base, "base_model_relation": "quantized", "library_name": "mlx"}
    wrong = [
        f"{key} is {data.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if value is not None and data.get(key) not in (value, [value])
    ]
    if base is None:
        wrong.append("base_model is missing, or is no repo id")
    return verdict(
        "metadata/base",
        "; ".join(wrong) or None,
        f"a quantized model of {base} for mlx",
        "render the card again: `hubtool card`",
        CARD_FILE,
    )


def _inherited(data: dict[str, Any]) -> Iterator[Finding]:
    """Fields that converters drag along: true of the base at most. The card keeps a person's."""
    copied = [key for key in data if is_of_the_base(key) and key != "model-index"]
    if copied:
        yield Finding(
            "metadata/inherited",
            "warn",
            f"true of a base, not of a quant: {', '.join(copied)}",
            "take them out of the front matter, unless they were written for this quant",
            CARD_FILE,
        )


def _modality(subject: CheckSubject, data: dict[str, Any]) -> Finding:
    """Without its towers a quant is no image-text-to-text model, and with them it is."""
    towers, tag = has_towers(subject.folder), data.get("pipeline_tag")
    problem = None
    if towers != (tag == "image-text-to-text"):
        there = "there" if towers else "not there"
        problem = f"pipeline_tag is {tag!r} although the towers are {there}"
    return verdict(
        "metadata/modality",
        problem,
        f"pipeline_tag {tag}",
        "render the card again: `hubtool card`",
        CARD_FILE,
    )
