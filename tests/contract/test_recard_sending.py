"""Commits and pull requests at hard moments: lost answers, quotas, refusals, kills."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hubtool.cli.recard_status import looked_up
from hubtool.errors import HubUnreachable, NotSignedIn, NoWritePermission, QuotaSpent
from hubtool.hub.client import HubClient
from hubtool.localhub.faults import Fault
from hubtool.recard.change import RepoPlan
from hubtool.recard.journal import Entry, Journal
from hubtool.recard.permission import require_writable
from tests.support.localhub import HubSession
from tests.support.quant_kinds import hubtool_made
from tests.support.recard_bench import APACHE, OPTIQ, TITLE, Bench, base_with, quant_of


@pytest.mark.parametrize("fault", [{"lost": True}, {"drop": 0}, {"status": 503}, {"status": 409}])
def test_a_commit_that_got_no_answer_is_made_once(bench: Bench, fault: dict[str, Any]) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    with bench.faults(Fault("commit", nth=1, **fault)):
        [entry] = bench.apply()
    assert (entry.state, entry.found) == ("done", "lost" in fault)
    assert bench.titles(repo) == [TITLE, "Add files", "initial commit"]
    with bench.faults(Fault("commit", nth=1, **fault)):
        [back] = bench.undo()
    assert back.state == "undone"
    assert bench.titles(repo)[:2] == [f"Undo: {TITLE}", TITLE]
    assert len(bench.titles(repo)) == 4


@pytest.mark.parametrize("fault", [{"lost": True}, {"status": 503}])
def test_a_pull_request_that_got_no_answer_is_opened_once(
    bench: Bench, fault: dict[str, Any]
) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    with bench.faults(Fault("commit", nth=1, **fault)):
        [entry] = bench.apply(pull_requests=True)
    proposals = [*bench.hub.api().get_repo_discussions(repo)]
    assert [one.status for one in proposals] == ["open"]
    assert entry.pull_request == f"{bench.hub.url}/{repo}/discussions/{proposals[0].num}"


def test_a_journal_that_was_lost_costs_no_second_commit(bench: Bench) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    bench.apply()
    (bench.folder / "plan.journal.jsonl").unlink()
    [entry] = bench.apply()
    assert (entry.state, entry.found, len(bench.titles(repo))) == ("done", True, 3)


def test_a_card_that_the_hub_alone_refuses_fails_for_its_repo_only(bench: Bench) -> None:
    repos = [bench.seed("one"), bench.seed("two")]
    bench.plan(*repos)
    with bench.faults(Fault("validate-yaml", status=400, nth=1)):
        states = sorted(entry.state for entry in bench.apply(workers=1))
    assert states == ["done", "failed"]
    assert sorted(entry.state for entry in bench.apply()) == ["done"], "it may be tried again"


def test_a_quota_ends_the_run_for_all_and_says_so_whoever_was_first(bench: Bench) -> None:
    repos = [bench.seed(f"m{number}") for number in range(5)]
    bench.plan(*repos)
    fault = Fault("commit", status=429, retry_after=3000)
    with bench.faults(fault), pytest.raises(QuotaSpent):
        bench.apply(workers=2)
    assert fault.struck <= 2, "nobody else tries"
    assert [one.state for one in bench.apply()] == ["done"] * 5
    assert {len(bench.titles(repo)) for repo in repos} == {3}


def test_a_hub_that_is_gone_ends_the_run_and_keeps_what_was_done(bench: Bench) -> None:
    repos = [bench.seed(f"m{number}") for number in range(4)]
    bench.plan(*repos)
    with bench.faults(Fault("commit", status=503, nth=0)) as _:
        bench.hub.running.faults[0].times = 10_000
        with pytest.raises(HubUnreachable):
            bench.apply(workers=1)
    assert {one.state for one in bench.apply()} == {"done"}


def test_status_asks_what_became_of_a_repo_that_was_on_its_way(bench: Bench) -> None:
    repos = [bench.seed("sent"), bench.seed("not-sent")]
    plans = bench.plan(*repos)
    bench.apply(only=repos[:1])
    file, way = bench.folder / "plan.json", Entry("", "sending")
    found = [
        looked_up(bench.client, file, one, dataclasses.replace(way, repo=one.repo))
        for one in plans
        if isinstance(one, RepoPlan)
    ]
    assert [one and one.state for one in found] == ["done", None]


def test_a_commit_is_in_the_journal_before_it_is_sent(bench: Bench) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    with bench.faults(Fault("commit", status=401, nth=1)), pytest.raises(NotSignedIn):
        bench.apply()
    assert Journal(bench.folder / "plan.json").entries[repo].state == "sending"


def test_a_pull_request_that_another_plan_brought_up_to_date_is_left(bench: Bench) -> None:
    repo = bench.seed("quant", hubtool_made)
    bench.plan(repo, **OPTIQ)
    bench.apply(pull_requests=True)
    bench.plan(repo, charts=True, file="second.json", **OPTIQ)
    bench.apply("second.json", pull_requests=True)
    [left] = bench.undo()
    assert (left.state, left.reason) == ("left", "its pull request was committed to since")
    [back] = bench.undo("second.json")
    assert back.state == "undone"


@pytest.mark.parametrize("own", ["", "Mine\n"])
def test_a_pull_request_holds_nothing_that_the_newest_plan_has_not(bench: Bench, own: str) -> None:
    base = base_with(bench, "apache-2.0")
    repo = quant_of(bench, base, **({"LICENSE": own} if own else {}))
    bench.plan(repo, include_licence=True)
    [first] = bench.apply(pull_requests=True)
    store = bench.hub.running.store
    assert store.read(repo, "refs/pr/1", "LICENSE") == APACHE.encode()
    bench.plan(repo, file="second.json")
    [second] = bench.apply("second.json", pull_requests=True)
    assert second.pull_request == first.pull_request
    assert "license: mit" in bench.card(repo, "refs/pr/1")
    there = store.tree(repo, "refs/pr/1")
    assert ("LICENSE" in there) == bool(own)
    assert not own or store.read(repo, "refs/pr/1", "LICENSE") == own.encode()
    (bench.folder / "second.journal.jsonl").unlink()
    [again] = bench.apply("second.json", pull_requests=True)
    assert again.found, "it is up to date"


def test_a_contributor_is_asked_repo_by_repo(strict_hub: HubSession, tmp_path: Path) -> None:
    bench = Bench(strict_hub, tmp_path)
    store = strict_hub.running.store
    token = store.create_user("ann")
    store.create_org("crew", {"ann": "contributor"})
    store.create_repo("crew/mine", "ann")
    store.create_repo("crew/theirs", "founder")
    client = HubClient(endpoint=strict_hub.url, token=token)
    require_writable(client, ["crew/mine"])
    with pytest.raises(NoWritePermission) as caught:
        require_writable(client, ["crew/mine", "crew/theirs", "lab/x"])
    assert sorted(caught.value.details["repos"]) == ["crew/theirs", "lab/x"]  # type: ignore[call-overload]
    require_writable(client, ["crew/theirs"], pull_requests=True)
    assert bench.hub.requests("POST", "/commit/") == []


def test_a_commit_costs_three_requests(bench: Bench) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    assert bench.client.identity.any_org
    start = len(bench.hub.running.log)
    bench.apply()
    paths = [one.path.removeprefix("/api/") for one in bench.hub.running.log[start:]]
    assert paths == [
        "validate-yaml",
        f"models/{repo}/preupload/main",
        f"models/{repo}/commit/main",
    ]
    assert Journal(bench.folder / "plan.json").entries[repo].state == "done"
