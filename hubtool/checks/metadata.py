"""The card's front matter: valid for the Hub, and true about base, relation and modality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubtool.card.compose import CARD_FILE, has_towers
from hubtool.card.frontmatter import FrontMatter, split_card
from hubtool.card.metadata_rules import metadata_problems
from hubtool.card.provenance import FILE, Provenance
from hubtool.checks.interface import CheckSubject, Finding, verdict

FINDS = {
    "metadata/valid": "the Hub accepts the front matter",
    "metadata/hub": "the Hub's own validator accepts the front matter",
    "metadata/advice": "what some readers of the front matter stumble over",
    "metadata/base": "base model, relation and library are right",
    "metadata/modality": "the pipeline tag fits the towers",
}


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``metadata/*``: what the Hub reads from the card."""
    card = card_of(subject)
    yield from _rules(card)
    yield _hub_rules(subject)
    yield _base(card.data, base_repo(subject))
    yield _modality(subject, card.data)


def card_of(subject: CheckSubject) -> FrontMatter:
    """The card in two parts; that of an empty text if there is none."""
    file = subject.folder / CARD_FILE
    text = file.read_bytes().decode("utf-8", errors="replace") if file.is_file() else ""
    return split_card(text)


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
    return verdict(
        "metadata/hub",
        "; ".join(subject.validate(text)) or None,
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
    if base is None and not data.get("base_model"):
        wrong.append("base_model is missing")
    return verdict(
        "metadata/base",
        "; ".join(wrong) or None,
        f"a quantized model of {base or data.get('base_model')} for mlx",
        "render the card again: `hubtool card`",
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
