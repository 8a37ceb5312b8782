"""A Hub's address, and what of it lasts: a local Hub has another port at each start."""

from __future__ import annotations

from urllib.parse import urlsplit

HERE = ("127.0.0.1", "localhost", "::1")


def is_here(endpoint: str) -> bool:
    """Whether the Hub runs on this machine."""
    return urlsplit(endpoint).hostname in HERE


def lasting_name(endpoint: str) -> str:
    """The address as it can be compared tomorrow: all Hubs of this machine have one name.

    What is kept under it names commits, and a commit's id comes from its content.
    """
    return "http://127.0.0.1" if is_here(endpoint) else endpoint
