"""What a failed request means: the client's errors become ours."""

from __future__ import annotations

import functools

from hubtool.errors import (
    BaseGated,
    HubRejected,
    HubUnreachable,
    NotSignedIn,
    NoWritePermission,
    QuotaSpent,
    RemoteMoved,
    RepoNotFound,
)
from hubtool.hub.retry import RETRIED_STATUS, was_refused

AGAIN = "run the same command again; what was done is not done again"
NOBODY_THERE = "start the Hub, or correct its address (--hub, HF_ENDPOINT), then run this again"
# another thread's failed connection made the client close the session that all share
_CLOSED = "client has been closed"


@functools.cache
def network_errors() -> tuple[type[Exception], ...]:
    """What a request can raise: the client's HTTP errors and those of its HTTP library."""
    from huggingface_hub.errors import HfHubHTTPError

    # the HTTP library has changed before; its base class is the parent of the client's own
    library_error = HfHubHTTPError.__bases__[0]
    return (library_error, RuntimeError, ConnectionError, TimeoutError)


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error, None if no answer came."""
    seen: BaseException | None = error
    while seen is not None:
        response = getattr(seen, "response", None)
        if response is not None:
            return int(response.status_code)
        seen = seen.__cause__
    return None


def headers_of(error: BaseException) -> dict[str, str]:
    """The answer's headers behind an error; empty if no answer came."""
    response = getattr(error, "response", None)
    return dict(getattr(response, "headers", {}))


def translate(error: Exception, what: str, hub: str) -> Exception:
    """Our error for one of the client's; HubUnreachable means that a retry may help.

    A RuntimeError that has no HTTP error behind it is returned as it is: a bug.
    """
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    status = status_of(error)
    text = _first_line(error)
    if isinstance(error, EntryNotFoundError):
        return error
    if isinstance(error, GatedRepoError):
        return BaseGated(
            f"could not {what}: the repo is gated and this token has no access",
            "accept its terms on its page and sign in with that account (`hf auth login`), "
            "then run the same command again",
        )
    if isinstance(error, (RepositoryNotFoundError, RevisionNotFoundError)):
        return RepoNotFound(
            f"could not {what}: {text}", "check the id and the revision, and that the token sees it"
        )
    if status == 401:
        return NotSignedIn(f"could not {what}: {text}", "run `hf auth login`, or set HF_TOKEN")
    if status == 403:
        return NoWritePermission(f"could not {what}: {text}", "use a token that may write there")
    if status == 412:
        return RemoteMoved(f"could not {what}: the repo changed meanwhile", AGAIN)
    if status == 429:
        return QuotaSpent(f"could not {what}: {hub} answered 429 ({text})", AGAIN)
    if status in RETRIED_STATUS:
        return HubUnreachable(f"could not {what}: {hub} answered {status}", AGAIN)
    if status is not None:
        return HubRejected(f"could not {what}: {text} (status {status})", _see_page(status))
    if isinstance(error, RuntimeError) and error.__cause__ is None and _CLOSED not in text:
        return error
    if was_refused(error):
        return HubUnreachable(f"could not {what}: nothing answers at {hub}", NOBODY_THERE)
    why = f"{type(error).__name__}: {text}"
    return HubUnreachable(f"could not {what}: {hub} did not answer ({why})", AGAIN)


def _first_line(error: Exception) -> str:
    message = getattr(error, "server_message", None) or str(error)
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _see_page(status: int) -> str:
    return "correct what the Hub names" if status == 400 else "see the message of the Hub"
