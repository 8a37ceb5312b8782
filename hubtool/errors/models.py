"""HT02: the base; HT03: licences; HT05: weights on disk."""

from hubtool.errors.families import CheckError, InputError, RefusedError


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


# --- HT03: licences ----------------------------------------------------------


class LicenceMissing(RefusedError):
    """The base's card names no licence, or ``unknown``."""

    id = "HT0301"


class LicenceForbids(RefusedError):
    """The base's licence does not allow derivatives to be shared."""

    id = "HT0302"


class LicenceUnclear(RefusedError):
    """Two sources disagree about the licence, or it needs an explicit choice."""

    id = "HT0303"


# --- HT05: weights on disk ---------------------------------------------------


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
