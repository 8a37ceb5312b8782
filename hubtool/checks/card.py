"""The card: every statement in hubtool's blocks follows from the facts."""

from __future__ import annotations

from collections.abc import Iterator

from hubtool.card.compose import CARD_FILE, recheck_card
from hubtool.checks.interface import CheckSubject, Finding

FINDS = {"card/facts": "every statement, number and picture follows from the facts"}


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``card/facts``: one finding for each statement without a fact."""
    problems = recheck_card(subject.folder, template=subject.template, brand=subject.brand)
    for problem in problems:
        yield Finding(
            "card/facts",
            "fail",
            problem.text,
            problem.remedy,
            CARD_FILE,
        )
    if not problems:
        yield Finding("card/facts", "pass", "every statement follows from the facts", "", CARD_FILE)
