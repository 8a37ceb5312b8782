"""HT06: scores and cards; HT07: checks."""

from hubtool.errors.families import CheckError, InputError


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


# --- HT07: checks ------------------------------------------------------------


class ChecksFailed(CheckError):
    """At least one check before the push failed; nothing was pushed."""

    id = "HT0701"
