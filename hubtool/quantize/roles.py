"""What a component is for, where that decides its width more than a measurement can.

Measured sensitivities go before rules wherever a measurement can see the
damage: an embedding and a head get no width by rule. Two cases it cannot see:
a router, whose rounding changes *which* expert runs (a jump that no expansion
around the base shows), and a shared expert, which every token passes and which
is small.
"""

from __future__ import annotations

import re
from typing import Literal

Role = Literal["router", "shared expert", "embedding", "head", "other"]

_PATTERNS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("shared expert", re.compile(r"\.shared_experts?\.")),
    ("router", re.compile(r"(\.router(\.|$)|\.gate$|shared_expert_gate$|\.router_proj$)")),
    ("embedding", re.compile(r"(embed_tokens|embed_tokens_per_layer|\.wte|word_embeddings)$")),
    ("head", re.compile(r"(^|\.)(lm_head|output)$")),
)

# roles whose width a rule decides: kept unquantized, or at the widest candidate
UNQUANTIZED = frozenset({"router"})
WIDEST = frozenset({"shared expert"})
# roles that others widen by rule; here they are measured, and the reason says so
MEASURED = frozenset({"embedding", "head"})


def role_of(name: str) -> Role:
    """The role of a component by its module path in the mlx-lm model."""
    return next((role for role, pattern in _PATTERNS if pattern.search(name)), "other")
