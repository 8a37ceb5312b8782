"""The licence texts of a whole chain, as they will lie in the quant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.console import SILENT, Console
from hubtool.errors import BaseGated, NotSignedIn
from hubtool.licences.declared import LicenceTerms

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient

ANCESTORS_FOLDER = "licences"


def path_in_quant(terms: LicenceTerms, owner: LicenceTerms, file: str) -> str:
    """Where a licence file of ``owner`` lies: the base's in the root, an ancestor's below a folder.

    ``licences/ORG--NAME/LICENSE``: two files called LICENSE do not meet.
    """
    if owner is terms:
        return file
    return f"{ANCESTORS_FOLDER}/{owner.repo.replace('/', '--')}/{file}"


def texts_of(
    owner: LicenceTerms, terms: LicenceTerms, texts: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Those of a quant's licence ``texts`` (by their paths there) that came from ``owner``."""
    paths = [path_in_quant(terms, owner, file) for file in owner.files]
    return {path: texts[path] for path in paths if path in texts}


def licence_texts(
    hub: HubClient,
    terms: LicenceTerms,
    console: Console = SILENT,
    *,
    base_folder: Path | None = None,
) -> dict[str, bytes]:
    """Path in the quant -> content of every licence file of the base and of what binds it.

    Read at the revisions that were declared; the base's own from
    ``base_folder``, where it was downloaded already. What a gated ancestor
    keeps to itself is warned about and left out.
    """
    found: dict[str, bytes] = {}
    for owner in (terms, *terms.also_bound_by):
        for file in owner.files:
            if owner is terms and base_folder is not None:
                found[file] = (base_folder / file).read_bytes()
                continue
            try:
                content = hub.read_bytes(owner.repo, file, owner.revision)
            except (BaseGated, NotSignedIn) as error:
                console.warn(f"{owner.repo}: {file} could not be copied: {error.message}")
                continue
            if content is not None:
                found[path_in_quant(terms, owner, file)] = content
    return found
