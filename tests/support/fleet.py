"""An organisation of many quants of every kind that recard meets, on a local Hub."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from hubtool.localhub.store import Store
from tests.support.quant_kinds import KINDS

NAMED = ("uniform", "mixed", "mxfp4", "dwq", "awq", "card-only")  # those that a list names
FAULTY = ("optiq-broken", "stray", "refused", "card-only", "empty")
NO_BASE = ("optiq-bare",)  # their cards name none: mlx-optiq's metadata is read as well
MORE_FILES = ("optiq-old", "sharded", "stray")  # weights in more than one file


@dataclasses.dataclass(frozen=True)
class Fleet:
    """Repo id -> kind, of one organisation."""

    org: str
    kinds: dict[str, str]

    def of(self, *kinds: str) -> list[str]:
        """The repos of these kinds."""
        return [repo for repo, kind in self.kinds.items() if kind in kinds]

    @property
    def changing(self) -> list[str]:
        """Those that a plan of the organisation and the list must change."""
        return [
            repo
            for repo, kind in self.kinds.items()
            if kind not in FAULTY and (KINDS[kind][1] or kind in NAMED)
        ]


def seed_fleet(store: Store, org: str, count: int, folder: Path) -> Fleet:
    """``count`` repos, of each kind as many."""
    names = list(KINDS)
    kinds: dict[str, str] = {}
    for number in range(count):
        kind = names[number % len(names)]
        repo = f"{org}/m{number:03d}-{kind}"
        place = folder / f"{number}"
        KINDS[kind][0](place, repo)
        store.seed_repo(repo, place)
        kinds[repo] = kind
    shutil.rmtree(folder)
    return Fleet(org, kinds)
