"""HT10: releases from git."""

from hubtool.errors.families import CheckError, InputError


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
