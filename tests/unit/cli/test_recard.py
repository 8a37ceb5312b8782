"""What ``hubtool recard`` refuses before its first request, and what it says of a plan and a journal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import huggingface_hub.constants
import pytest
from typer.testing import CliRunner

from hubtool.cli.recard import app
from hubtool.cli.recard_options import duration
from hubtool.errors import HubtoolError
from hubtool.recard.change import Change, FileChange, RepoPlan
from hubtool.recard.journal import Entry, Journal
from hubtool.recard.planfile import PlanWriter, new_header

NO_HUB = "http://127.0.0.1:9"  # nobody listens there


def refusal(*arguments: str) -> str:
    """What is said; every request would fail with HubUnreachable, which is no InputError."""
    result = CliRunner().invoke(app, [*arguments, "--hub", NO_HUB])
    if isinstance(result.exception, HubtoolError):
        assert result.exception.exit_code == 2, result.exception
        return result.exception.message
    assert result.exit_code == 2, result.output
    return result.output


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own; what ``--hub`` sets in the environment goes with the test."""
    assert huggingface_hub.constants.ENDPOINT != NO_HUB, "it was read before"
    monkeypatch.chdir(tmp_path)
    for name in ("HF_ENDPOINT", "HF_HUB_DISABLE_XET", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan",), "name an organisation"),
        (("plan", "--repo", "nonsense"), "'nonsense' is no repo id"),
        (("plan", "--from-file", "list.txt"), "list.txt, line 3: 'nonsense' is no repo id"),
        (("plan", "--from-file", "absent.txt"), "no file at absent.txt"),
        (("plan", "--repo", "lab/x", "--match", "*"), "--match chooses among"),
        (("plan", "--org", "lab", "--only", "whole"), "--only takes metadata or blocks"),
        (("plan", "--org", "lab", "--template", "absent"), "no card template 'absent'"),
        (("plan", "--org", "lab", "--brand", "absent"), "no brand 'absent'"),
        (("plan", "--repo", "lab/x?x=1"), "'lab/x?x=1' is no repo id"),
        (("plan", "--from-file", "strange.txt"), "strange.txt, line 1: 'lab/x?x=1' is no repo id"),
        (("plan", "--org", "lab/x"), "'lab/x' is no organisation"),
        (("plan", "--org", "lab", "--out", "."), "--out takes a file"),
        (("plan", "--org", "lab", "--html", "."), "--html takes a file"),
        (("plan", "--org", "lab", "--html", "list.txt/page.html"), "list.txt is no folder"),
        (("plan", "--org", "lab", "--html", "plan.json"), "name the same file"),
        (("apply", "plan.json"), "no plan at plan.json"),
        (("undo", "plan.json"), "no plan at plan.json"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_first_request(
    arguments: tuple[str, ...], said: str
) -> None:
    Path("list.txt").write_text("# ours\nlab/one\nnonsense\n")
    Path("strange.txt").write_text("lab/x?x=1\n")
    assert said in refusal(*arguments)


def plan_of(*repos: str, endpoint: str = NO_HUB) -> Path:
    path = Path("plan.json")
    with PlanWriter(path, new_header(endpoint, "Cards", {"org": "lab"})) as writer:
        for repo in repos:
            file = FileChange("README.md", "old\n", "new\n")
            writer.add(RepoPlan(repo, "a" * 40, "hubtool", (Change("block", "x: new"),), (file,)))
    return path


def test_a_plan_that_was_applied_is_not_overwritten() -> None:
    Journal(plan_of("lab/a")).add(Entry("lab/a", "done", commit="b" * 40))
    assert "plan.json was applied" in refusal("plan", "--org", "lab")


def test_a_plan_for_another_hub_is_not_sent() -> None:
    plan_of("lab/a", endpoint="https://hub.example")
    result = CliRunner().invoke(app, ["apply", "plan.json", "--yes", "--hub", NO_HUB])
    assert isinstance(result.exception, HubtoolError)
    assert "is a plan for https://hub.example" in result.exception.message


def test_a_repo_that_the_plan_does_not_change_cannot_be_picked() -> None:
    plan_of("lab/a")
    assert "changes nothing in lab/b" in refusal("apply", "plan.json", "--repo", "lab/b")


def test_nobody_is_asked_where_nobody_sits() -> None:
    plan_of("lab/a")
    assert "say --yes" in refusal("apply", "plan.json")


def test_status_tells_each_repo_and_the_totals() -> None:
    journal = Journal(plan_of("lab/a", "lab/b", "lab/c"))
    journal.add(Entry("lab/a", "done", commit="b" * 40))
    journal.add(Entry("lab/b", "moved", reason="it changed"))
    said = CliRunner().invoke(app, ["status", "plan.json", "--diff"]).output.splitlines()
    assert said[:3] == [
        f"  done    lab/a {'b' * 40}",
        "  moved   lab/b: it changed",
        "  open    lab/c",
    ]
    assert said[-1] == "1 done, 1 moved, 1 open"
    assert {"-old", "+new"} <= {*said}
    lines = CliRunner().invoke(app, ["status", "plan.json", "--json"]).output.splitlines()
    assert json.loads(lines[-1]) == {"event": "status", "done": 1, "moved": 1, "open": 1}
    assert json.loads(lines[1])["reason"] == "it changed"


def test_the_time_that_applying_takes_is_said_before() -> None:
    assert (
        duration(900, 7 * 3600) == "900 commits: about 7 h 00 min at the pace that the Hub allows"
    )
    assert duration(1, 0) == "1 commit, without waiting for the Hub's hourly limit"
    plan_of(*[f"lab/m{number}" for number in range(5)])
    asked = ["apply", "plan.json", "--hub", NO_HUB, "--commits-per-hour", "2"]
    said = CliRunner().invoke(app, asked).output
    assert "5 commits: about 2 h 00 min" in said
    assert said.index("about 2 h") < said.index("say --yes")
    assert json.loads(CliRunner().invoke(app, [*asked, "--json"]).output.splitlines()[0]) == {
        "event": "start",
        "repos": 5,
        "seconds": 7200.0,
    }


def test_licences_are_listed_first_and_owners_if_there_are_several() -> None:
    path = Path("plan.json")
    file = FileChange("README.md", "old\n", "new\n")
    licence = Change("licence", "license: mit -> gemma")
    with PlanWriter(path, new_header(NO_HUB, "Cards", {})) as writer:
        writer.add(RepoPlan("lab/a", "a" * 40, "named", (Change("block", "x: new"),), (file,)))
        writer.add(RepoPlan("crew/b", "a" * 40, "named", (licence,), (file,)))
    lines = CliRunner().invoke(app, ["apply", "plan.json", "--hub", NO_HUB]).output.splitlines()
    assert lines[:4] == [
        "  licence   crew/b: license: mit -> gemma",
        "  change    lab/a: 1 block",
        "  change    crew/b: 1 licence",
        "owners: 1 lab, 1 crew",
    ]
