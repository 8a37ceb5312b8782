"""HT01: usage, manifest, work folder."""

from hubtool.errors.families import InputError


class ManifestInvalid(InputError):
    """A manifest file or a flag holds a value that cannot be used."""

    id = "HT0101"


class WorkFolderBusy(InputError):
    """Another hubtool process is using the same work folder, output or plan."""

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
