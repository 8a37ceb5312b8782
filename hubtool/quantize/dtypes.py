"""The floating-point type that a base declares for its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DTYPES = ("float16", "bfloat16", "float32")


def declared_dtype(config: Mapping[str, Any]) -> str | None:
    """What ``config.json`` names, in any of the places where it may stand; None for nothing known.

    mlx-lm's conversion casts to it, so it is what norms, scales and biases are stored in.
    """
    text = config.get("text_config") or {}
    names = (config.get("torch_dtype"), config.get("dtype"), text.get("dtype"))
    return next((name for name in names if name in DTYPES), None)
