"""Plans, journals and caches on disk: written as they are made, cut, read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hubtool.artifact.stats import QuantStats
from hubtool.card.facts import ModelTraits
from hubtool.errors import JournalUnreadable, PathNotFound, TargetExists, WorkFolderBusy
from hubtool.recard.cache import QuantCache, Unreadable
from hubtool.recard.change import Change, FileChange, RepoPlan
from hubtool.recard.journal import Entry, Journal, held
from hubtool.recard.planfile import (
    PlanWriter,
    journal_of,
    new_header,
    plans_of,
    read_entries,
    read_plan_header,
    require_unused,
)
from hubtool.recard.read import RemoteQuant
from hubtool.recard.select import Skipped

AWKWARD = 'a "card"\r\nwith \u2028 and \ufeff and \\ and ]}\n]}\n'


def a_plan(repo: str, after: str = AWKWARD) -> RepoPlan:
    file = FileChange("README.md", None, after, existed=False)
    return RepoPlan(repo, "a" * 40, "hubtool", (Change("block", "x: new"),), (file,), ("heed",))


def write(path: Path, *entries: RepoPlan | Skipped) -> None:
    with PlanWriter(path, new_header("http://h", "Cards", {"org": "lab"})) as writer:
        for entry in entries:
            writer.add(entry)


def test_a_plan_is_one_json_document_and_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    right = RepoPlan("lab/right", "b" * 40, "hubtool", (), ())
    entries = [a_plan("lab/a"), Skipped("x/y", "theirs", "not ours"), right, a_plan("lab/b")]
    write(path, *entries)
    assert [*read_entries(path)] == entries
    assert [one.repo for one in plans_of(path)] == ["lab/a", "lab/b"]
    whole = json.loads(path.read_text())
    assert whole["plan"]["endpoint"] == "http://h"
    assert whole["repos"][0]["files"][0]["after"] == AWKWARD


def test_entries_are_on_their_way_to_the_disk_before_the_plan_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with PlanWriter(path, new_header("http://h", "Cards", {})) as writer:
        for number in range(50):
            writer.add(a_plan(f"lab/{number}", "long " * 1000))
        assert not path.exists()
        assert (tmp_path / "plan.json.partial").stat().st_size > 100_000
    assert len([*read_entries(path)]) == 50


def test_a_plan_that_was_not_finished_is_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"

    def stopped() -> None:
        with PlanWriter(path, new_header("http://h", "Cards", {})) as writer:
            writer.add(a_plan("lab/a"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(PathNotFound):
        read_plan_header(path)


def test_an_empty_plan_can_be_read(tmp_path: Path) -> None:
    write(tmp_path / "plan.json")
    assert [*read_entries(tmp_path / "plan.json")] == []


@pytest.mark.parametrize("cut", [1, 30, 200, 500])
def test_a_plan_that_was_cut_is_bad_input(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "plan.json"
    write(path, a_plan("lab/a"))
    path.write_bytes(path.read_bytes()[:-cut] if cut > 1 else b"")
    with pytest.raises(JournalUnreadable, match="no plan of this version"):
        [read_plan_header(path), *read_entries(path)]


def test_a_journal_remembers_the_last_of_each_repo_and_when_it_committed(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    write(plan)
    journal = Journal(plan)
    journal.add(Entry("lab/a", "failed", reason="no"))
    journal.add(Entry("lab/a", "done", commit="c" * 40))
    journal.add(Entry("lab/b", "done", commit="d" * 40, found=True))
    again = Journal(plan)
    assert {repo: one.state for repo, one in again.entries.items()} == {
        "lab/a": "done",
        "lab/b": "done",
    }
    assert len(again.commits_at) == 1, "what an earlier try sent was counted then"
    assert again.states() == {"done": 2}


def test_a_line_that_a_kill_cut_is_not_there_and_spoils_no_other(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    write(plan)
    Journal(plan).add(Entry("lab/a", "done", commit="c" * 40))
    with journal_of(plan).open("a") as stream:
        stream.write('{"repo": "lab/b", "state": "do')
    journal = Journal(plan)
    assert [*journal.entries] == ["lab/a"]
    journal.add(Entry("lab/c", "done"))
    assert [*Journal(plan).entries] == ["lab/a", "lab/c"]


def test_the_place_of_an_applied_plan_is_kept(tmp_path: Path) -> None:
    require_unused(tmp_path / "plan.json")
    write(tmp_path / "plan.json")
    Journal(tmp_path / "plan.json").add(Entry("lab/a", "done"))
    with pytest.raises(TargetExists, match=r"plan\.journal\.jsonl"):
        require_unused(tmp_path / "plan.json")


def test_the_journal_of_another_plan_is_refused(tmp_path: Path) -> None:
    plan, other = tmp_path / "plan.json", tmp_path / "other.json"
    write(plan)
    write(other)
    Journal(plan).add(Entry("lab/a", "done"))
    other.replace(plan)
    with pytest.raises(TargetExists, match="journal of another plan"):
        Journal(plan)


def test_a_plan_that_was_applied_while_another_was_made_stays(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    write(plan, a_plan("lab/a"))
    before = plan.read_bytes()
    writer = PlanWriter(plan, new_header("http://h", "Cards", {}))
    with pytest.raises(TargetExists), writer:
        Journal(plan).add(Entry("lab/a", "done"))
    assert plan.read_bytes() == before
    assert not [*tmp_path.glob("*.partial")]


@pytest.mark.parametrize("line", ["[1, 2]", '{"record": "Skipped"}', "7"])
def test_a_line_that_is_no_repos_is_bad_input(tmp_path: Path, line: str) -> None:
    path = tmp_path / "plan.json"
    write(path, a_plan("lab/a"))
    head, _, end = path.read_text().partition("\n")
    path.write_text(f"{head}\n{line},\n{end}", newline="\n")
    with pytest.raises(JournalUnreadable, match="line 2"):
        [*read_entries(path)]


def test_one_run_at_a_time_works_on_a_plan(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    with held(plan), pytest.raises(WorkFolderBusy), held(plan):
        pass
    with held(plan):
        pass


# --- cache -------------------------------------------------------------------


def quant(commit: str) -> RemoteQuant:
    stats = QuantStats((), (), (), 0, 0, 0, 0.0, 0.0, 0.0, 0)
    traits = ModelTraits(False, False, None, None)
    return RemoteQuant("lab/a", commit, AWKWARD, None, "b/c", None, stats, traits, {"m": 9})


def test_the_cache_knows_a_repo_at_its_last_commit_only(tmp_path: Path) -> None:
    with QuantCache("http://h", tmp_path) as cache:
        cache.put(quant("1"))
        assert cache.get("lab/a", "1") == quant("1")
        cache.put(quant("2"))
        assert cache.get("lab/a", "1") is None
    with QuantCache("http://h", tmp_path) as cache:
        assert cache.get("lab/a", "2") == quant("2")
        bad = Unreadable("lab/b", "3", "broken")
        cache.put(bad)
        assert cache.get("lab/b", "3") == bad
    with QuantCache("http://elsewhere", tmp_path) as cache:
        assert cache.get("lab/a", "2") is None


def test_a_damaged_cache_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "recard.sqlite").write_bytes(b"no database" * 1000)
    with QuantCache("http://h", tmp_path) as cache:
        cache.put(quant("1"))
        assert cache.get("lab/a", "1") == quant("1")
    assert (tmp_path / "recard.sqlite.damaged").read_bytes().startswith(b"no database")


def test_what_another_version_wrote_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with QuantCache("http://127.0.0.1:1", tmp_path) as cache:
        cache.put(quant("1"))
    with QuantCache("http://127.0.0.1:2", tmp_path) as cache:
        assert cache.get("lab/a", "1") is not None, "the port is not the Hub"
        monkeypatch.setattr("hubtool.recard.cache.__version__", "99")
        assert cache.get("lab/a", "1") is None
