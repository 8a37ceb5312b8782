"""The loop over stages: what is skipped, what runs again, and what a crash leaves behind."""

from __future__ import annotations

import dataclasses
import errno
import io
from pathlib import Path
from typing import ClassVar

import pytest

from hubtool.card.provenance import GitSource
from hubtool.console import SILENT, Console
from hubtool.errors import DiskFull, RemoteMoved
from hubtool.records import Record
from hubtool.release.journal import Journal
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.pipeline import run_stages
from hubtool.release.release import TRIES, run_until_alone
from hubtool.release.stage import Context, Stage, WorkFolder


@dataclasses.dataclass(frozen=True)
class Number(Record):
    value: int


@dataclasses.dataclass(frozen=True)
class Double(Record):
    value: int


class First(Stage[int, Number]):
    name, title, writes = "first", "First", Number
    value: ClassVar[int] = 3
    runs: ClassVar[int] = 0
    broken: ClassVar[bool] = False

    def options(self, manifest: ReleaseManifest) -> int:
        return self.value

    def run(self, context: Context, want: int) -> Number:
        type(self).runs += 1
        return Number(want)

    def intact(self, context: Context, record: Number) -> bool:
        return not self.broken


class Second(Stage[None, Double]):
    name, title, writes, reads = "second", "Second", Double, (Number,)
    runs: ClassVar[int] = 0

    def options(self, manifest: ReleaseManifest) -> None:
        return None

    def run(self, context: Context, want: None) -> Double:
        type(self).runs += 1
        return Double(context.get(Number).value * 2)


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    First.runs = Second.runs = 0
    First.value, First.broken = 3, False


@pytest.fixture
def manifest() -> ReleaseManifest:
    return ReleaseManifest.model_validate({"base": "acme/base", "publish": {"org": "me"}})


def run(tmp_path: Path, manifest: ReleaseManifest, console: Console = SILENT) -> dict:
    context = Context(WorkFolder(tmp_path), hub=None, console=console, records={})  # type: ignore[arg-type]
    return run_stages([First(), Second()], manifest, context, Journal(tmp_path))


def test_records_flow_from_stage_to_stage(tmp_path: Path, manifest: ReleaseManifest) -> None:
    assert run(tmp_path, manifest) == {Number: Number(3), Double: Double(6)}


def test_a_second_run_runs_nothing(tmp_path: Path, manifest: ReleaseManifest) -> None:
    run(tmp_path, manifest)
    assert run(tmp_path, manifest) == {Number: Number(3), Double: Double(6)}
    assert (First.runs, Second.runs) == (1, 1)


def test_a_changed_option_runs_its_stage_and_what_reads_it(
    tmp_path: Path, manifest: ReleaseManifest
) -> None:
    run(tmp_path, manifest)
    First.value = 5
    assert run(tmp_path, manifest)[Double] == Double(10)
    assert (First.runs, Second.runs) == (2, 2)


def test_a_missing_output_runs_only_that_stage_when_the_result_is_equal(
    tmp_path: Path, manifest: ReleaseManifest
) -> None:
    run(tmp_path, manifest)
    First.broken = True
    run(tmp_path, manifest)
    assert (First.runs, Second.runs) == (2, 1)


def test_the_first_difference_is_named(tmp_path: Path, manifest: ReleaseManifest) -> None:
    run(tmp_path, manifest)
    First.value = 5
    stderr = io.StringIO()
    run(tmp_path, manifest, Console("plain", stderr=stderr))
    assert "again: options changed" in stderr.getvalue()
    assert "again: Number changed" in stderr.getvalue()


def test_a_line_cut_short_by_a_crash_is_ignored(tmp_path: Path, manifest: ReleaseManifest) -> None:
    run(tmp_path, manifest)
    journal = tmp_path / "journal.jsonl"
    journal.write_text(journal.read_text()[:-20])
    assert run(tmp_path, manifest)[Double] == Double(6)
    assert (First.runs, Second.runs) == (1, 2)
    run(tmp_path, manifest)
    assert (First.runs, Second.runs) == (1, 2)


def test_a_full_disk_says_so(
    tmp_path: Path, manifest: ReleaseManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(self: First, context: Context, want: int) -> Number:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(First, "run", no_room)
    with pytest.raises(DiskFull, match="no room left"):
        run(tmp_path, manifest)


def test_a_stage_may_not_read_what_it_did_not_declare(
    tmp_path: Path, manifest: ReleaseManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Second, "reads", ())
    with pytest.raises(TypeError, match="Number is not among the records"):
        run(tmp_path, manifest)


class Overtaken(Second):
    """A stage that finds the repo changed by somebody else, as often as it is told."""

    name, title = "overtaken", "Overtaken"
    times: ClassVar[int] = 0

    def run(self, context: Context, want: None) -> Double:
        type(self).runs += 1
        if type(self).runs <= self.times:
            raise RemoteMoved("me/quant changed meanwhile", "again")
        return Double(context.get(Number).value * 2)


@pytest.mark.parametrize(("times", "runs"), [(0, 1), (1, 2), (TRIES - 1, TRIES)])
def test_a_commit_of_somebody_else_is_planned_upon(
    tmp_path: Path, manifest: ReleaseManifest, times: int, runs: int
) -> None:
    Overtaken.runs, Overtaken.times = 0, times
    context = Context(WorkFolder(tmp_path), hub=None, console=SILENT, records={})  # type: ignore[arg-type]
    found = run_until_alone([First(), Overtaken()], manifest, context, Journal(tmp_path))
    assert found[Double] == Double(6)
    assert (First.runs, Overtaken.runs) == (1, runs)


def test_a_repo_that_never_rests_is_an_error(tmp_path: Path, manifest: ReleaseManifest) -> None:
    Overtaken.runs, Overtaken.times = 0, TRIES
    context = Context(WorkFolder(tmp_path), hub=None, console=SILENT, records={})  # type: ignore[arg-type]
    with pytest.raises(RemoteMoved):
        run_until_alone([First(), Overtaken()], manifest, context, Journal(tmp_path))
    assert Overtaken.runs == TRIES


class Tagged(First):
    name, title, follows_tag = "tagged", "Tagged", True


@pytest.mark.parametrize(("by_tag", "runs"), [(True, 2), (False, 1)])
def test_another_tag_runs_again_only_what_names_it(
    tmp_path: Path, manifest: ReleaseManifest, by_tag: bool, runs: int
) -> None:
    Tagged.runs = 0
    for tag in ("a/v1", "a/v2", "a/v2"):
        git = GitSource("c" * 40, tag, by_tag=by_tag)
        context = Context(WorkFolder(tmp_path), hub=None, console=SILENT, records={}, git=git)  # type: ignore[arg-type]
        run_stages([First(), Tagged()], manifest, context, Journal(tmp_path))
    assert (First.runs, Tagged.runs) == (1, runs)
