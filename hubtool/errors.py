"""Every error that a person can meet, with its exit code and its id.

The families carry the exit code; the children carry an id (``HT0301``) whose
explanation in ``docs/reference/errors.md`` is the child's own docstring.
Standard library only: this module is imported by everything.

Exit codes: 0 done, 1 a check or a verification failed, 2 bad usage or input,
3 refused by a licence or safety rule, 4 Hub or network (after retries),
5 interrupted (run the same command to resume), 70 a bug in hubtool.
"""

from __future__ import annotations

from typing import ClassVar


class HubtoolError(Exception):
    """A problem that hubtool can name, with the one edit or command that mends it.

    ``message`` says what is wrong (repo, file, field, found and wanted),
    ``remedy`` what to do, ``details`` the same as data for ``--json``.
    """

    exit_code: ClassVar[int] = 70
    id: ClassVar[str] = "HT0000"

    def __init__(self, message: str, remedy: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = details

    def to_json(self) -> dict[str, object]:
        """The error as one JSON object, as ``--json`` prints it."""
        return {
            "error": self.id,
            "message": self.message,
            "remedy": self.remedy,
            "details": self.details,
        }


# --- families: one per exit code -------------------------------------------


class CheckError(HubtoolError):
    """A check or a verification found something wrong."""

    exit_code, id = 1, "HT0001"


class InputError(HubtoolError):
    """Something that was asked for or handed in cannot be used."""

    exit_code, id = 2, "HT0002"


class RefusedError(HubtoolError):
    """A licence or a safety rule forbids it."""

    exit_code, id = 3, "HT0003"


class HubError(HubtoolError):
    """The Hub or the network did not do what was needed, after all retries."""

    exit_code, id = 4, "HT0004"


class InterruptedRun(HubtoolError):
    """The run was stopped from outside; the same command continues it."""

    exit_code, id = 5, "HT0005"


# --- HT01: usage, manifest, work folder ------------------------------------


class ManifestInvalid(InputError):
    """A manifest file or a flag holds a value that cannot be used."""

    id = "HT0101"


class WorkFolderBusy(InputError):
    """Another hubtool process is using the same work folder."""

    id = "HT0102"


class DiskFull(InputError):
    """The disk under the work folder has no room for what must be written."""

    id = "HT0103"


class PathNotFound(InputError):
    """A file or folder that was named does not exist."""

    id = "HT0104"


class MissingExtra(InputError):
    """An optional package is needed for this and is not installed."""

    id = "HT0105"


class JournalUnreadable(InputError):
    """The work folder's journal was written by a newer hubtool or is damaged."""

    id = "HT0106"


class PathUnusable(InputError):
    """A file or folder that was named cannot be read or written: its kind or its rights."""

    id = "HT0108"


class UsageWrong(InputError):
    """A command, flag or argument is missing, does not exist, or has a value that does not fit."""

    id = "HT0109"


class TargetExists(InputError):
    """A file that would be written is there already, and may be somebody's work."""

    id = "HT0107"


# --- HT02: the base --------------------------------------------------------


class BaseNotFound(InputError):
    """The base model's repo or revision does not exist, or is not visible to this token."""

    id = "HT0201"


class BaseGated(InputError):
    """The base model is gated and this token has not been granted access to its files."""

    id = "HT0202"


class NoSafetensors(RefusedError):
    """The base offers only pickled weights, which hubtool never opens."""

    id = "HT0203"


class UnknownArchitecture(InputError):
    """mlx-lm has no implementation of the base's model type."""

    id = "HT0204"


class RemoteCodeNeeded(RefusedError):
    """The base needs Python code of its own to load, and it was not allowed to run."""

    id = "HT0205"


# --- HT03: licences --------------------------------------------------------


class LicenceMissing(RefusedError):
    """The base's card names no licence, or ``unknown``."""

    id = "HT0301"


class LicenceForbids(RefusedError):
    """The base's licence does not allow derivatives to be shared."""

    id = "HT0302"


class LicenceUnclear(RefusedError):
    """Two sources disagree about the licence, or it needs an explicit choice."""

    id = "HT0303"


# --- HT04: measuring, allocating, quantizing --------------------------------


class BudgetImpossible(InputError):
    """The bit budget lies outside what the candidate widths can reach."""

    id = "HT0401"


class CalibrationInvalid(InputError):
    """The calibration mix is empty, damaged, or too short."""

    id = "HT0402"


class QuantizationDiffers(CheckError):
    """The written file does not hold the bit widths that were allocated."""

    id = "HT0403"


class MeasureFailed(CheckError):
    """A sensitivity came out as NaN, infinite or negative."""

    id = "HT0404"


class NothingToQuantize(InputError):
    """The model has no component that can be quantized at this group size."""

    id = "HT0405"


class SensitivityMismatch(InputError):
    """The sensitivities are of another model, or cannot be read."""

    id = "HT0406"


# --- HT05: weights on disk --------------------------------------------------


class BrokenShard(InputError):
    """A safetensors file is truncated, overlapping, oversized or not safetensors at all."""

    id = "HT0501"


class UnsafePath(RefusedError):
    """A file names a path that leaves its folder."""

    id = "HT0502"


class UnknownTensors(CheckError):
    """Tensors of the base belong neither to the language model nor to a known tower."""

    id = "HT0503"


class TowerMismatch(CheckError):
    """The config claims a tower that has no tensors, or the reverse."""

    id = "HT0504"


class StatsDisagree(CheckError):
    """Metadata or config claims something that the weights' own bytes contradict."""

    id = "HT0505"


class JsonUnreadable(InputError):
    """A JSON file of a model folder is damaged, or holds something else than an object."""

    id = "HT0506"


# --- HT06: scores and cards -------------------------------------------------


class ScoreFileInvalid(InputError):
    """A score file cannot be read, or holds an impossible value."""

    id = "HT0601"


class TemplateInvalid(InputError):
    """A card template names a fact that does not exist, or cannot be parsed."""

    id = "HT0602"


class CardMetadataInvalid(CheckError):
    """The card's front matter breaks a rule of the Hub."""

    id = "HT0603"


class CardUnreadable(InputError):
    """A card that is there cannot be laid into: it is not UTF-8, or a block has lost an end."""

    id = "HT0604"


# --- HT07: checks -----------------------------------------------------------


class ChecksFailed(CheckError):
    """At least one check before the push failed; nothing was pushed."""

    id = "HT0701"


# --- HT08: the Hub ----------------------------------------------------------


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


# --- HT09: the local Hub ----------------------------------------------------


class LocalHubFailed(InputError):
    """The local Hub could not be started, or its folder cannot be used."""

    id = "HT0901"


class ServingFailed(InputError):
    """Nothing can be served on the port that was named, or the server did not start."""

    id = "HT0902"


# --- HT10: releases from git --------------------------------------------------


class GitUnusable(InputError):
    """There is no git program, or the folder is in no git repository with a commit."""

    id = "HT1001"


class TagNotFound(InputError):
    """The clone has no tag of that name."""

    id = "HT1002"


class CloneIncomplete(InputError):
    """The clone is shallow and lacks the commits or files that are needed."""

    id = "HT1003"


class TreeDirty(InputError):
    """Files of the repository were changed and not committed, so the tag does not hold them."""

    id = "HT1004"


class TagMoved(InputError):
    """A tag names another commit than the one that it was released from, or pushed at."""

    id = "HT1005"


class NoManifestForTag(InputError):
    """The tag's tree has no manifest that goes by the tag's name."""

    id = "HT1006"


class LockOutOfDate(CheckError):
    """A lock file is missing, or a release now would use another base or other tools."""

    id = "HT1007"


class MatrixTooLarge(InputError):
    """There are more manifests than a matrix of GitHub has jobs."""

    id = "HT1008"
