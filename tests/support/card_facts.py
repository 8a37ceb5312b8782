"""The parts that hubtool's example facts are made of, for tests that need facts of their own."""

from hubtool.card.example_parts import (
    BASE,
    DOMAINS,
    KINDS,
    REVISION,
    SOURCE,
    provenance,
    scores,
    seed_facts,
    stats,
)

__all__ = [
    "BASE",
    "DOMAINS",
    "KINDS",
    "REVISION",
    "SOURCE",
    "provenance",
    "scores",
    "seed_facts",
    "stats",
]
