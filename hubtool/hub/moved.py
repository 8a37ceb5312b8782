"""A repo that was renamed or transferred: writing does not follow it to its new owner."""

from __future__ import annotations

from typing import Any

from hubtool.errors import RemoteMoved
from hubtool.hub.budget import purse_of

RENAMED = "it goes by another name now"


def refuse_moved(response: Any) -> None:
    """A response hook. Raises RemoteMoved where the Hub sends an API call on to another place.

    The Hub answers 307 for a repo that was moved, and the client would follow
    with the same body. Files are redirected to their storage; those are let be.
    """
    if response.has_redirect_location and purse_of(response.request.url.path) == "api":
        raise RemoteMoved(RENAMED, "make a new plan under that name")
