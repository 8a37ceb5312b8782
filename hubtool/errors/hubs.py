"""HT08: the Hub; HT09: the local Hub."""

from hubtool.errors.families import CheckError, HubError, InputError, RefusedError


class HubUnreachable(HubError):
    """The Hub could not be reached, or kept failing after all retries."""

    id = "HT0801"


class HubRejected(HubError):
    """The Hub answered with an error that a retry cannot mend."""

    id = "HT0802"


class NotSignedIn(InputError):
    """There is no token, or the Hub does not accept it."""

    id = "HT0803"


class NoWritePermission(RefusedError):
    """The token may not write to the organisation or the repo."""

    id = "HT0804"


class RemoteMoved(HubError):
    """Somebody changed the repo between the plan and the push."""

    id = "HT0805"


class VerificationFailed(CheckError):
    """What arrived on the Hub is not what was sent."""

    id = "HT0806"


class RepoNotFound(InputError):
    """The repo or the revision does not exist on the Hub, or is not visible to this token."""

    id = "HT0807"


class PublisherRepoMissing(InputError):
    """A trusted publisher can write to a repo that exists, and cannot create one."""

    id = "HT0808"


class NotTrusted(RefusedError):
    """The Hub does not trust this workflow to publish to the repo."""

    id = "HT0809"


class QuotaSpent(HubUnreachable):
    """The Hub takes no more requests or commits of this account for now (status 429).

    Nothing is lost: what was done is in the journal. Wait as long as the remedy says, then run the
    same command again.
    """

    id = "HT0810"


# --- HT09: the local Hub -----------------------------------------------------


class LocalHubFailed(InputError):
    """The local Hub could not be started, or its folder cannot be used."""

    id = "HT0901"


class ServingFailed(InputError):
    """Nothing can be served on the port that was named, or the server did not start."""

    id = "HT0902"
