"""What the bases of the quants declare now: asked only where a licence is to be changed."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from hubtool.base.lineage import licence_chain
from hubtool.card.provenance import LicenceFacts, Provenance, licence_facts
from hubtool.console import Console
from hubtool.licences.conflict import settle
from hubtool.licences.families import require_accepted
from hubtool.licences.rules import require_licence
from hubtool.licences.texts import licence_texts
from hubtool.records import FileHash

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient


@dataclasses.dataclass(frozen=True)
class FoundLicence:
    """A base's licence, those that bind it, and their texts as they lie in a quant."""

    licence: LicenceFacts
    also_bound_by: tuple[LicenceFacts, ...]
    texts: dict[str, bytes]

    def of(self, provenance: Provenance) -> Provenance:
        """The same provenance with this licence."""
        return dataclasses.replace(
            provenance,
            licence=self.licence,
            also_bound_by=self.also_bound_by,
            licence_files=tuple(
                FileHash(path, len(content), hashlib.sha256(content).hexdigest())
                for path, content in sorted(self.texts.items())
            ),
        )


class Licences:
    """Looks every base up once, at the head of its main; what it found, or could not, stays."""

    def __init__(self, hub: HubClient, accepted: Sequence[str], console: Console) -> None:
        self._hub, self._accepted, self._console = hub, tuple(accepted), console
        self._found: dict[str, Future[FoundLicence]] = {}
        self._lock = threading.Lock()

    def of_base(self, base_repo: str) -> FoundLicence:
        """The licence of quants of ``base_repo``. Raises as a release's resolve does.

        Thread-safe: who asks for a base that another thread looks up waits for that.
        """
        with self._lock:
            mine = base_repo not in self._found
            future = self._found.setdefault(base_repo, Future())
        if mine:
            try:
                future.set_result(self._look_up(base_repo))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def _look_up(self, base_repo: str) -> FoundLicence:
        chain = licence_chain(self._hub, base_repo, None, self._console)
        terms = require_licence(settle(chain, self._accepted))
        require_accepted(terms, self._accepted)
        texts = licence_texts(self._hub, terms, self._console)
        copied = frozenset(texts)
        return FoundLicence(
            licence_facts(terms, terms, copied),
            tuple(licence_facts(terms, other, copied) for other in terms.also_bound_by),
            texts,
        )
