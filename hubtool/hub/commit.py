"""One guarded commit of small files, and what it may answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hubtool.errors import CardMetadataInvalid
from hubtool.hub.client import HubClient

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete


def send_commit(
    hub: HubClient,
    repo: str,
    operations: Sequence[CommitOperationAdd | CommitOperationDelete],
    *,
    title: str,
    description: str,
    parent: str,
    revision: str | None = None,
    create_pr: bool = False,
) -> Any:
    """The client's ``CommitInfo``; use it inside :meth:`HubClient.call`.

    Raises CardMetadataInvalid for a card that the Hub's validator refuses.
    """
    return _bordered(
        repo,
        hub.endpoint,
        lambda: hub.api.create_commit(
            repo,
            operations,
            commit_message=title,
            commit_description=description,
            parent_commit=parent,
            revision=revision,
            create_pr=create_pr or None,
        ),
    )


def _bordered(repo: str, endpoint: str, create: Callable[[], Any]) -> Any:
    """The client's ValueErrors as ours: it asks the validator before it commits."""
    try:
        return create()
    except json.JSONDecodeError as error:  # a gateway's page in place of the validator's answer
        raise ConnectionError(f"{endpoint} answered the validation with no JSON") from error
    except ValueError as error:
        if "Invalid metadata" not in str(error):
            raise
        said = " ".join(str(error).split("\n", 1)[-1].split())
        raise CardMetadataInvalid(
            f"the Hub refuses the card of {repo}: {said}", "correct its front matter on its page"
        ) from error
