"""An organisation of more than 200 quants of every kind, which is planned, applied, undone."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from hubtool.hub.budget import RateBudget, paced
from hubtool.hub.client import HubClient
from hubtool.localhub.app import LoggedRequest
from hubtool.localhub.server import RunningHub, start_local_hub
from hubtool.recard.apply import apply_plan
from hubtool.recard.cache import QuantCache
from hubtool.recard.change import RepoPlan, Wish
from hubtool.recard.journal import Entry
from hubtool.recard.make import plan_all
from hubtool.recard.planfile import PlanWriter, new_header, read_entries
from hubtool.recard.select import Selection, Skipped
from hubtool.recard.undo import undo_plan
from tests.support.fleet import NAMED, Fleet, seed_fleet
from tests.support.quant_kinds import optiq_made

COUNT = 220
ORG = "lab"
GATED, GONE = f"{ORG}/gated", f"{ORG}/gone"
THEIRS, LOST = "somebody/their-quant", f"{ORG}/never-was"
Log = list[LoggedRequest]


@dataclasses.dataclass
class Organisation:
    """The Hub, what was asked for, and where plans and caches lie."""

    running: RunningHub
    fleet: Fleet
    folder: Path

    @property
    def client(self) -> HubClient:
        return HubClient(endpoint=self.running.url, token=self.running.token)

    def plan(
        self, name: str, wish: Wish | None = None
    ) -> tuple[dict[str, RepoPlan | Skipped], Log]:
        """Plan the organisation and its named repos into a file; entries, and what was asked."""
        start, client = len(self.running.log), self.client
        named = (*self.fleet.of(*NAMED), THEIRS, LOST)
        with (
            QuantCache(client.endpoint, self.folder / "cache") as cache,
            PlanWriter(self.folder / name, new_header(client.endpoint, "Cards", {})) as writer,
            paced(RateBudget.for_hub(client.endpoint)),
        ):
            for entry in plan_all(client, Selection(ORG, None, named), wish or Wish(), cache=cache):
                writer.add(entry)
        entries = {entry.repo: entry for entry in read_entries(self.folder / name)}
        return entries, self.running.log[start:]

    def apply(self, name: str) -> dict[str, Entry]:
        client = self.client
        budget = RateBudget.for_hub(client.endpoint)
        with QuantCache(client.endpoint, self.folder / "cache") as cache, paced(budget):
            found = apply_plan(client, self.folder / name, budget=budget, cache=cache)
            return {entry.repo: entry for entry in found}

    def undo(self, name: str) -> dict[str, Entry]:
        client = self.client
        budget = RateBudget.for_hub(client.endpoint)
        with QuantCache(client.endpoint, self.folder / "cache") as cache, paced(budget):
            found = undo_plan(client, self.folder / name, budget=budget, cache=cache)
            return {entry.repo: entry for entry in found}

    def write(self, repo: str, text: bytes) -> None:
        """A person's commit."""
        self.client.api.upload_file(path_or_fileobj=text, path_in_repo="README.md", repo_id=repo)

    def cards(self) -> dict[str, bytes | None]:
        store = self.running.store
        heads = {repo.full_id: store.tree(repo.full_id) for repo in store.repos.all("model")}
        return {
            repo: store.read(repo, "main", "README.md") if "README.md" in tree else None
            for repo, tree in heads.items()
        }

    def commits(self) -> Counter[str]:
        """How many commits each repo's main has."""
        store = self.running.store
        return Counter(
            {
                repo.full_id: len(store.history.log(repo, store.history.resolve(repo, "main")))
                for repo in store.repos.all("model")
            }
        )


def seed(root: Path) -> Fleet:
    """The fleet, and the repos that are special one by one."""
    with start_local_hub(root / "hub") as running:
        store = running.store
        store.create_org(ORG)
        fleet = seed_fleet(store, ORG, COUNT, root / "made")
        for repo in (GATED, GONE, THEIRS):
            optiq_made(root / "one" / repo, repo)
            store.seed_repo(repo, root / "one" / repo, gated="auto" if repo == GATED else "")
        api = HubClient(endpoint=running.url, token=running.token).api
        collection = api.create_collection("Ours and theirs", namespace=ORG)
        for repo in (GATED, THEIRS):
            api.add_collection_item(collection.slug, repo, item_type="model")
    return fleet
