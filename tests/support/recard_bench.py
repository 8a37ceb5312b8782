"""A bench for re-carding: plans, applies and undoes on the session's Hub."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hubtool.console import SILENT
from hubtool.hub.budget import RateBudget
from hubtool.hub.client import HubClient
from hubtool.hub.retry import RetryPolicy
from hubtool.localhub.faults import Fault
from hubtool.recard.apply import apply_plan
from hubtool.recard.change import RepoPlan, Wish
from hubtool.recard.journal import Entry
from hubtool.recard.licence import Licences
from hubtool.recard.make import plan_all
from hubtool.recard.planfile import PlanWriter, journal_of, new_header
from hubtool.recard.select import (
    Selection,
    Skipped,
)
from hubtool.recard.undo import undo_plan
from tests.support.localhub import HubSession
from tests.support.quant_kinds import mlx_lm_card, optiq_made, uniform

TITLE = "Cards"


OPTIQ = {"template": "optiq", "brand": "optiq"}  # another look than the fleet's own quants have
APACHE = "Apache License\nVersion 2.0, January 2004\nhttp://www.apache.org/licenses/\n"


class Bench:
    """Plans, applies and undoes on the session's Hub, in one folder, without a pause."""

    def __init__(self, hub: HubSession, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        quick = RetryPolicy(first_wait_seconds=0.01, sleep=lambda _: None)
        self.client = HubClient(endpoint=hub.url, token=hub.token, retry=quick)

    def seed(self, name: str, make: Any = optiq_made, **settings: Any) -> str:
        repo = f"{self.hub.org}/{name}"
        make(self.folder / name, repo)
        self.hub.running.store.seed_repo(repo, self.folder / name, **settings)
        shutil.rmtree(self.folder / name)
        return repo

    def plan(
        self, *repos: str, org: str | None = None, file: str = "plan.json", **wish: Any
    ) -> list[RepoPlan | Skipped]:
        licences = Licences(self.client, (), SILENT) if wish.get("include_licence") else None
        with PlanWriter(self.folder / file, new_header(self.hub.url, TITLE, {})) as writer:
            wanted = Selection(org, None, repos)
            found = [*plan_all(self.client, wanted, Wish(**wish), licences=licences)]
            for entry in found:
                writer.add(entry)
        return found

    def apply(self, file: str = "plan.json", **settings: Any) -> list[Entry]:
        budget = RateBudget.for_hub(self.hub.url)
        return [*apply_plan(self.client, self.folder / file, budget=budget, **settings)]

    def undo(self, file: str = "plan.json") -> list[Entry]:
        budget = RateBudget.for_hub(self.hub.url)
        return [*undo_plan(self.client, self.folder / file, budget=budget)]

    @property
    def journal_path(self) -> Path:
        return journal_of(self.folder / "plan.json")

    def card(self, repo: str, revision: str = "main") -> str:
        return self.hub.running.store.read(repo, revision, "README.md").decode()

    def titles(self, repo: str) -> list[str]:
        return [one.title for one in self.hub.api().list_repo_commits(repo)]

    @contextmanager
    def faults(self, *faults: Fault) -> Iterator[None]:
        self.hub.running.faults[:] = faults
        yield
        self.hub.running.faults.clear()


@pytest.fixture
def bench(hub: HubSession, tmp_path: Path) -> Bench:
    return Bench(hub, tmp_path)


def only(found: list[RepoPlan | Skipped]) -> RepoPlan:
    [plan] = found
    assert isinstance(plan, RepoPlan), plan
    return plan


def base_with(bench: Bench, licence: str, text: str = APACHE) -> str:
    base = f"{bench.hub.org}/base"
    folder = bench.folder / "base"
    folder.mkdir()
    (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n# Base\n")
    (folder / "LICENSE").write_text(text)
    bench.hub.running.store.seed_repo(base, folder)
    return base


def quant_of(bench: Bench, base: str, name: str = "quant", **files: str) -> str:
    def make(folder: Path, repo: str) -> None:
        uniform(folder, repo)
        (folder / "README.md").write_text(mlx_lm_card(repo, base=base, licence="mit"))
        for path, text in files.items():
            (folder / path).write_text(text)

    return bench.seed(name, make)
