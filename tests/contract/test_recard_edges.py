"""Single repos and hard moments: licences, renamed repos, lost answers, cards that the Hub refuses."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from hubtool.artifact.stats import stats_of_folder
from hubtool.checks.card import check as check_card
from hubtool.checks.remote import fetch_subject
from hubtool.cli.recard_plan import _finish
from hubtool.cli.recard_status import looked_up
from hubtool.console import SILENT
from hubtool.errors import HubUnreachable, NotSignedIn, NoWritePermission, QuotaSpent
from hubtool.hub.budget import RateBudget
from hubtool.hub.client import HubClient
from hubtool.hub.retry import RetryPolicy
from hubtool.localhub.faults import Fault
from hubtool.recard.apply import apply_plan
from hubtool.recard.change import RepoPlan, Wish
from hubtool.recard.journal import Entry, Journal
from hubtool.recard.licence import Licences
from hubtool.recard.make import Tally, in_order, plan_all
from hubtool.recard.permission import require_writable
from hubtool.recard.planfile import PlanWriter, journal_of, new_header
from hubtool.recard.read import read_quant
from hubtool.recard.select import (
    FIELDS,
    HUBTOOL_FILE,
    LIST_FROM,
    Candidate,
    Row,
    Selection,
    Skipped,
    judged,
    row_of,
)
from hubtool.recard.undo import undo_plan
from tests.support.fleet import FAULTY, KINDS, hubtool_made, mlx_lm_card, optiq_made, uniform
from tests.support.localhub import HubSession
from tests.support.toy_weights import safetensors_bytes

TITLE = "Cards"
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


# --- licences -------------------------------------------------------------------


def base_with(bench: Bench, licence: str, text: str = APACHE) -> str:
    base = f"{bench.hub.org}/base"
    folder = bench.folder / "base"
    folder.mkdir()
    (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n# Base\n")
    (folder / "LICENSE").write_text(text)
    bench.hub.running.store.seed_repo(base, folder)
    return base


def test_a_wrong_licence_stays_until_it_is_asked_for_and_then_comes_first(bench: Bench) -> None:
    base = base_with(bench, "apache-2.0")

    def claims_mit(folder: Path, repo: str) -> None:
        uniform(folder, repo)
        (folder / "README.md").write_text(mlx_lm_card(repo, base=base, licence="mit"))

    repo = bench.seed("quant", claims_mit)
    without = only(bench.plan(repo))
    assert "licence" not in {change.kind for change in without.changes}
    assert "license: mit" in without.files[0].after
    plan = only(bench.plan(repo, include_licence=True))
    assert [plan.changes[0].kind, plan.changes[0].what] == ["licence", "license: mit -> apache-2.0"]
    assert "license: apache-2.0" in plan.files[0].after
    texts = {one.path: one.content for one in plan.files}
    assert texts["LICENSE"] == APACHE.encode()
    assert [one.state for one in bench.apply()] == ["done"]
    assert bench.hub.running.store.read(repo, "main", "LICENSE") == texts["LICENSE"]
    assert [one.state for one in bench.undo()] == ["undone"]
    assert "LICENSE" not in bench.hub.running.store.tree(repo)
    assert "license: mit" in bench.card(repo)


def test_a_card_that_says_another_licence_than_our_records_is_told_and_left(bench: Bench) -> None:
    def changed(folder: Path, repo: str) -> None:
        hubtool_made(folder, repo)
        card = folder / "README.md"
        card.write_text(card.read_text().replace("license: mit", "license: apache-2.0"))

    plan = only(bench.plan(bench.seed("quant", changed)))
    assert plan.licence_withheld
    assert "license: apache-2.0" in plan.files[0].after
    assert any("--include-licence changes it" in warning for warning in plan.warnings)


def quant_of(bench: Bench, base: str, name: str = "quant", **files: str) -> str:
    def make(folder: Path, repo: str) -> None:
        uniform(folder, repo)
        (folder / "README.md").write_text(mlx_lm_card(repo, base=base, licence="mit"))
        for path, text in files.items():
            (folder / path).write_text(text)

    return bench.seed(name, make)


@pytest.mark.parametrize("own", ["", "Mine\n"])
def test_a_licence_that_asks_for_a_notice_brings_it(bench: Bench, own: str) -> None:
    line = "Tiny Model is made available under the Tiny Community License, Copyright (c) Tiny."
    text = f"Gemma Terms of Use\nKeep a text file named “Notice” that reads: “{line}” with it.\n"
    base = base_with(bench, "gemma", text)
    repo = quant_of(bench, base, **({"Notice": own} if own else {}))
    plan = only(bench.plan(repo, include_licence=True))
    [notice] = [one for one in plan.files if one.path == "Notice"]
    assert notice.content.decode().startswith(f"{own}\n{line}\n" if own else f"{line}\n")
    assert [one.state for one in bench.apply()] == ["done"]
    assert only(bench.plan(repo, include_licence=True, file="again.json")).files == ()
    assert [one.state for one in bench.undo()] == ["undone"]
    store = bench.hub.running.store
    assert ("Notice" in store.tree(repo)) == bool(own)
    assert not own or store.read(repo, "main", "Notice") == own.encode()


@pytest.mark.parametrize(
    ("status", "error"), [(503, HubUnreachable), (429, QuotaSpent), (401, NotSignedIn)]
)
def test_a_licence_that_nobody_answers_for_ends_the_plan(
    bench: Bench, status: int, error: type[Exception]
) -> None:
    base = base_with(bench, "apache-2.0")
    repo = quant_of(bench, base)
    with bench.faults(Fault(f"/api/models/{base}*", status=status)), pytest.raises(error):
        bench.plan(repo, include_licence=True)
    assert not (bench.folder / "plan.json").exists()


def test_a_base_that_cannot_be_read_costs_its_licence_only_and_is_asked_once(bench: Bench) -> None:
    repos = [quant_of(bench, "lab/gone", name) for name in ("one", "two")]
    start = len(bench.hub.running.log)
    for plan in bench.plan(*repos, include_licence=True):
        assert isinstance(plan, RepoPlan)
        assert "license: mit" in plan.files[0].after
        assert any("its licence is left as it is" in one for one in plan.warnings)
    asked = [one.path for one in bench.hub.running.log[start:]]
    assert asked.count("/api/models/lab/gone") == 1


# --- selection ------------------------------------------------------------------


def test_a_repo_that_was_renamed_is_not_followed(bench: Bench) -> None:
    old = bench.seed("old-name")
    bench.hub.api().move_repo(old, f"{bench.hub.org}/new-name")
    [left] = bench.plan(old)
    assert isinstance(left, Skipped)
    assert left.reason == f"it is called {bench.hub.org}/new-name now: name it so"


def test_a_match_chooses_names_and_never_drops_what_is_named(bench: Bench) -> None:
    for name in ("gemma-OptiQ-4bit", "llama-OptiQ-4bit", "named"):
        bench.seed(name)
    with PlanWriter(bench.folder / "plan.json", new_header(bench.hub.url, TITLE, {})):
        wanted = Selection(bench.hub.org, "gemma-*-OptiQ-*", (f"{bench.hub.org}/named",))
        wanted = dataclasses.replace(wanted, match="gemma-*")
        found = {one.repo for one in plan_all(bench.client, wanted, Wish())}
    assert found == {f"{bench.hub.org}/gemma-OptiQ-4bit", f"{bench.hub.org}/named"}


def test_a_gated_repo_of_others_that_shows_no_files_is_skipped(
    strict_hub: HubSession, tmp_path: Path
) -> None:
    bench = Bench(strict_hub, tmp_path)
    repo = bench.seed("gated", gated="auto")
    token = strict_hub.running.store.create_user("eve")
    bench.client = HubClient(endpoint=strict_hub.url, token=token)
    [left] = bench.plan(repo)
    assert isinstance(left, Skipped)
    assert "the repo is gated and this token has no access" in left.reason


# --- hard moments ----------------------------------------------------------------


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


# --- killed -----------------------------------------------------------------------


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


def test_an_organisation_of_no_model_is_told_by_the_exit_code(bench: Bench) -> None:
    found = bench.plan(org=f"{bench.hub.org}-typo")
    assert found == []
    with pytest.raises(typer.Exit) as ended:
        _finish(SILENT, bench.client, bench.folder / "plan.json", Tally(), None)
    assert ended.value.exit_code == 1


def test_a_commit_is_in_the_journal_before_it_is_sent(bench: Bench) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    with bench.faults(Fault("commit", status=401, nth=1)), pytest.raises(NotSignedIn):
        bench.apply()
    assert Journal(bench.folder / "plan.json").entries[repo].state == "sending"


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


def test_a_pull_request_that_another_plan_brought_up_to_date_is_left(bench: Bench) -> None:
    repo = bench.seed("quant", hubtool_made)
    bench.plan(repo)
    bench.apply(pull_requests=True)
    bench.plan(repo, charts=True, file="second.json")
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


def test_a_token_that_may_only_read_closes_no_pull_request(bench: Bench) -> None:
    repo = bench.seed("quant")
    bench.plan(repo)
    bench.apply(pull_requests=True)
    token = bench.hub.running.store.mint_token("local", "read")
    bench.client = HubClient(endpoint=bench.hub.url, token=token)
    with pytest.raises(NoWritePermission):
        bench.undo()
    assert [one.status for one in bench.hub.api().get_repo_discussions(repo)] == ["open"]


# --- moved ------------------------------------------------------------------------


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


# --- permission -------------------------------------------------------------------


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


# --- flat --------------------------------------------------------------------------


def test_no_more_repos_are_taken_from_the_listing_than_are_in_hand() -> None:
    from concurrent.futures import ThreadPoolExecutor

    taken = 0

    def listing() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken = number + 1
            yield number

    with ThreadPoolExecutor(4) as pool:
        results = in_order(pool, lambda number: number * 2, listing(), ahead=20)
        for place, result in enumerate(results):
            assert result == place * 2
            assert taken <= place + 1 + 20


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


# --- what is no quant, or cannot be read -------------------------------------------


def test_a_named_model_that_is_not_quantized_is_left(bench: Bench) -> None:
    def plain(folder: Path, repo: str) -> None:
        folder.mkdir()
        weights = safetensors_bytes({"model.norm.weight": ("BF16", (64,))})
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "config.json").write_text('{"model_type": "llama"}')

    [left] = bench.plan(bench.seed("plain", plain))
    assert isinstance(left, Skipped)
    assert (left.kind, left.reason) == (
        "not ours",
        "none of its weights are quantized: it is no quant",
    )


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("README.md", b"\xff\xfe", "README.md is not UTF-8"),
        ("README.md", b"---\na: [\n---\nMine\n", "the front matter cannot be read"),
        ("optiq/release.json", b'{"record": "Provenance", "schema": 99}', "cannot be read"),
    ],
)
def test_what_would_be_lost_is_not_overwritten(
    bench: Bench, file: str, content: bytes, said: str
) -> None:
    def damaged(folder: Path, repo: str) -> None:
        hubtool_made(folder, repo)
        (folder / file).write_bytes(content)

    [left] = bench.plan(bench.seed("damaged", damaged))
    assert isinstance(left, Skipped)
    assert said in left.reason


def test_many_named_repos_of_one_owner_are_looked_up_in_one_listing(bench: Bench) -> None:
    repos = [bench.seed(f"m{number:02}") for number in range(LIST_FROM)]
    bench.seed("not-named")
    start = len(bench.hub.running.log)
    found = bench.plan(*repos, "nobody/nothing")
    asked = [one.path for one in bench.hub.running.log[start:] if one.path.startswith("/api/")]
    assert asked == ["/api/models", "/api/models/nobody/nothing"]
    assert sorted(one.repo for one in found) == sorted([*repos, "nobody/nothing"])


def test_the_case_of_an_owners_name_does_not_matter(bench: Bench) -> None:
    repo = bench.seed("quant")
    assert isinstance(only(bench.plan(repo, org=bench.hub.org)), RepoPlan)
    row = Row(repo, "c" * 40, (HUBTOOL_FILE,), {}, {}, {})
    upper = Selection(bench.hub.org.upper())
    assert isinstance(judged(row, upper, named=False), Candidate)


# --- facts and pictures ------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in FAULTY])
def test_the_figures_read_over_http_are_those_of_the_folder(bench: Bench, kind: str) -> None:
    folder, repo = bench.folder / "quant", f"{bench.hub.org}/{kind}"
    KINDS[kind][0](folder, repo)
    bench.hub.running.store.seed_repo(repo, folder)
    found = read_quant(bench.client, row_of(bench.client.model_row(repo, FIELDS)))
    assert found.stats == stats_of_folder(folder)
    card = folder / "README.md"
    assert (found.readme or "").encode() == (card.read_bytes() if card.is_file() else b"")


def test_charts_come_when_they_are_asked_for_and_go_with_undo(bench: Bench) -> None:
    repo = bench.seed("quant", hubtool_made)
    paths = {one.path for one in only(bench.plan(repo)).files}
    assert not [path for path in paths if path.endswith(".png")]
    plan = only(bench.plan(repo, charts=True))
    [chart] = [one for one in plan.files if one.path.endswith(".png")]
    assert chart.content.startswith(b"\x89PNG")
    assert chart.path in plan.files[0].after
    assert [one.state for one in bench.apply()] == ["done"]
    assert bench.hub.running.store.read(repo, "main", chart.path) == chart.content
    assert only(bench.plan(repo, charts=True, file="again.json")).files == ()
    assert [one.state for one in bench.undo()] == ["undone"]
    assert chart.path not in bench.hub.running.store.tree(repo)


@pytest.mark.parametrize("kind", ["hubtool", "optiq-old", "uniform", "mixed", "mxfp4", "sharded"])
def test_every_statement_of_a_new_card_passes_the_check(bench: Bench, kind: str) -> None:
    repo = bench.seed("quant", KINDS[kind][0])
    bench.plan(repo)
    assert [one.state for one in bench.apply()] == ["done"]
    (bench.folder / "read").mkdir()
    subject = fetch_subject(bench.client, repo, None, bench.folder / "read")
    assert [one.message for one in check_card(subject) if one.result != "pass"] == []
