"""The local Hub's answer to ``POST /api/validate-yaml``, also asked at every commit."""

from __future__ import annotations

import dataclasses
from typing import Any

from hubtool.card.frontmatter import split_card
from hubtool.card.metadata_rules import metadata_problems

NOTE = "The local Hub knows the rules that have been recorded; the real Hub's schema is larger."


@dataclasses.dataclass(frozen=True)
class CardVerdict:
    """What the Hub says about a card: any error refuses the commit, warnings do not."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def status(self) -> int:
        """The HTTP status of the answer: 200 or 400."""
        return 400 if self.errors else 200

    def to_json(self) -> dict[str, Any]:
        """The body of the answer; clients read ``errors`` and ``warnings``, people ``note``."""
        return {
            "errors": [{"message": message} for message in self.errors],
            "warnings": [{"message": message} for message in self.warnings],
            "note": NOTE,
        }

    def to_text(self) -> str:
        """The body for a client that accepts only ``text/plain``."""
        lines = [f"- Error: {message}" for message in self.errors]
        lines += [f"- Warning: {message}" for message in self.warnings]
        return "\n".join(lines)


def validate_card(content: str) -> CardVerdict:
    """The verdict on the text of a root README.md."""
    problems = metadata_problems(split_card(content))
    return CardVerdict(
        errors=tuple(problem.message for problem in problems if problem.severity == "error"),
        warnings=tuple(problem.message for problem in problems if problem.severity == "warning"),
    )
