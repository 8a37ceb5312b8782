"""Undo, and repos that were given away: what others wrote since stays."""

from __future__ import annotations

import dataclasses

import pytest

from hubtool.errors import NoWritePermission
from hubtool.hub.client import HubClient
from hubtool.recard.journal import Entry, Journal
from tests.support.recard_bench import Bench, only


def test_undo_leaves_what_somebody_changed_and_may_be_run_again(bench: Bench) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    bench.apply()
    ours = bench.card(repo)
    api = bench.hub.api()

    def write(text: str) -> None:
        api.upload_file(path_or_fileobj=text.encode(), path_in_repo="README.md", repo_id=repo)

    write(ours + "\nA word.\n")
    [left] = bench.undo()
    assert (left.state, left.reason) == ("left", "its card was changed since")
    assert bench.card(repo).endswith("A word.\n")
    assert bench.apply() == [], "it was sent: it is not sent again"
    write(ours)
    [back] = bench.undo()
    assert back.state == "undone"
    assert "optiq/release.json" not in bench.hub.running.store.tree(repo)


def test_a_file_beside_the_card_that_somebody_changed_is_left_and_the_card_goes_back(
    bench: Bench,
) -> None:
    repo = bench.seed("quant")
    before = bench.card(repo)
    bench.plan(repo)
    bench.apply()
    bench.hub.api().upload_file(
        path_or_fileobj=b"{}", path_in_repo="optiq/release.json", repo_id=repo
    )
    assert [one.state for one in bench.undo()] == ["undone"]
    assert bench.card(repo) == before
    assert bench.hub.running.store.read(repo, "main", "optiq/release.json") == b"{}"


@pytest.mark.parametrize("pull_requests", [False, True])
def test_undo_finds_what_a_killed_run_had_sent(bench: Bench, pull_requests: bool) -> None:
    repos = [bench.seed("sent"), bench.seed("not-sent")]
    before = [bench.card(repo) for repo in repos]
    bench.plan(*repos)
    bench.apply(only=repos[:1], pull_requests=pull_requests)
    way = Entry("", "sending", pull_request="" if pull_requests else None)
    bench.journal_path.unlink()
    for repo in repos:  # what is there after a kill between the answer and its line
        Journal(bench.folder / "plan.json").add(dataclasses.replace(way, repo=repo))
    sent, other = bench.undo()
    assert (sent.state, other.state, other.reason) == (
        "undone",
        "undone",
        "nothing of it had arrived",
    )
    assert [bench.card(repo) for repo in repos] == before
    assert len(bench.titles(repos[0])) == (2 if pull_requests else 4)
    assert [one.status for one in bench.hub.api().get_repo_discussions(repos[0])] == (
        ["closed"] if pull_requests else []
    )


def test_what_a_person_wrote_alike_is_not_ours_to_undo(bench: Bench) -> None:
    repo = bench.seed("quant")
    plan = only(bench.plan(repo))
    for one in plan.files:
        bench.hub.api().upload_file(
            path_or_fileobj=one.content, path_in_repo=one.path, repo_id=repo, commit_message="Mine"
        )
    [entry] = bench.apply()
    assert (entry.state, entry.commit) == ("moved", None)
    assert bench.undo() == []


def test_a_token_that_may_only_read_closes_no_pull_request(bench: Bench) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    bench.apply(pull_requests=True)
    token = bench.hub.running.store.mint_token("local", "read")
    bench.client = HubClient(endpoint=bench.hub.url, token=token)
    with pytest.raises(NoWritePermission):
        bench.undo()
    assert [one.status for one in bench.hub.api().get_repo_discussions(repo)] == ["open"]


@pytest.mark.parametrize("pull_requests", [False, True])
def test_a_repo_that_was_given_away_after_the_plan_is_not_written_to(
    bench: Bench, pull_requests: bool
) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    theirs = f"{bench.hub.org}-other/quant"
    bench.hub.api().move_repo(repo, theirs)
    [entry] = bench.apply(pull_requests=pull_requests)
    assert (entry.state, entry.reason) == ("moved", "it goes by another name now")
    assert bench.titles(theirs) == ["Add files", "initial commit"]
    assert [*bench.hub.api().get_repo_discussions(theirs)] == []


@pytest.mark.parametrize("pull_requests", [False, True])
def test_undo_does_not_follow_a_repo_that_was_given_away(bench: Bench, pull_requests: bool) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    bench.apply(pull_requests=pull_requests)
    theirs = f"{bench.hub.org}-other/quant"
    bench.hub.api().move_repo(repo, theirs)
    before = bench.titles(theirs)
    [left] = bench.undo()
    assert (left.state, left.reason) == ("left", "it goes by another name now")
    assert bench.titles(theirs) == before
    assert {one.status for one in bench.hub.api().get_repo_discussions(theirs)} <= {"open"}
