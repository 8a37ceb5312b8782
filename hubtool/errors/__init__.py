"""Every error that a person can meet, with its exit code and its id.

The families carry the exit code; the children carry an id (``HT0301``) whose
explanation in ``docs/reference/errors.md`` is the child's own docstring. All are
imported from here. Standard library only: this package is imported by everything.
"""

from hubtool.errors.cards import *
from hubtool.errors.families import *
from hubtool.errors.git_tags import *
from hubtool.errors.hubs import *
from hubtool.errors.models import *
from hubtool.errors.quantizing import *
from hubtool.errors.usage import *
