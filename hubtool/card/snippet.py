"""Which code the Hub's page offers to copy for an MLX repo: its own rule."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

Snippet = Literal["mlx-vlm", "mlx-lm, chat", "mlx-lm", "download only"]


def snippet_of(library: object, task: object, tags: Collection[str]) -> Snippet | None:
    """The snippet for these card fields; None for a library whose snippet is not known here.

    Rule of huggingface.js at fe42e680: for ``library_name: mlx`` images and
    text go to mlx-vlm, text to mlx-lm (as a chat if tagged so), and any other
    task gets a download command.
    """
    if library not in ("mlx", None):
        return None
    if library == "mlx" and task == "image-text-to-text":
        return "mlx-vlm"
    if library == "mlx" and task == "text-generation":
        return "mlx-lm, chat" if "conversational" in tags else "mlx-lm"
    return "download only"
