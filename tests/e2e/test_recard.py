"""``hubtool recard`` as a maintainer runs it: twice, as pull requests, killed, refused, paced."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from hubtool.localhub.faults import Fault
from hubtool.localhub.server import RunningHub, start_local_hub
from hubtool.localhub.store import Store
from tests.support.fleet import NAMED, Fleet, seed_fleet
from tests.support.quant_kinds import KINDS
from tests.support.release import environment, hubtool

ORG = "lab"
Done = subprocess.CompletedProcess[str]


class Maintainer:
    """A person with a home, a token and a folder for plans, on a Hub that the test watches."""

    def __init__(self, running: RunningHub, fleet: Fleet, folder: Path) -> None:
        self.running, self.fleet, self.folder = running, fleet, folder
        folder.mkdir(exist_ok=True)
        self.env = environment(
            folder / "home", token=running.token, XDG_CACHE_HOME=str(folder / "cache")
        )

    def recard(self, *arguments: str, on_hub: bool = True) -> Done:
        hub = ("--hub", self.running.url) if on_hub else ()
        return hubtool("recard", *arguments, *hub, cwd=self.folder, env=self.env)

    def plan(self, *extra: str) -> Done:
        done = self.recard("plan", "--org", ORG, *extra)
        assert done.returncode == 0, done.stderr
        return done

    def cards(self) -> dict[str, bytes]:
        store = self.running.store
        return {
            repo: store.read(repo, "main", "README.md")
            for repo in self.fleet.kinds
            if "README.md" in store.tree(repo)
        }

    def titles(self, repo: str, revision: str = "main") -> list[str]:
        """Of a revision's commits, the newest first, without those that seeded the repo."""
        history, found = self.running.store.history, self.running.store.repos.get(repo)
        titles = [one.title for one in history.log(found, history.resolve(found, revision))]
        return [title for title in titles if title not in ("initial commit", "Add files")]

    def proposals(self) -> list[str]:
        """``repo status`` of every pull request."""
        store = self.running.store
        return [
            f"{repo} {one.status}"
            for repo in self.fleet.kinds
            for one in store.discussions.all(store.repos.get(repo))
        ]

    def journal(self, name: str = "plan") -> list[dict[str, object]]:
        path = self.folder / f"{name}.journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def wrote(self) -> list[str]:
        return [one.path for one in self.running.log if one.method in ("POST", "PUT", "PATCH")]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fleet]:
    """A Hub's folder with two repos of every kind; nobody serves it."""
    root = tmp_path_factory.mktemp("fleet")
    with Store(root / "hub") as store:
        store.create_org(ORG)
        fleet = seed_fleet(store, ORG, 2 * len(KINDS), root / "made")
    return root / "hub", fleet


@pytest.fixture
def ann(seeded: tuple[Path, Fleet], tmp_path: Path) -> Iterator[Maintainer]:
    root, fleet = seeded
    subprocess.run(["cp", "-r", str(root), str(tmp_path / "hub")], check=True)
    with start_local_hub(tmp_path / "hub") as running:
        yield Maintainer(running, fleet, tmp_path / "ann")


def events(done: Done) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_plan_made_on_the_local_hub_is_applied_looked_at_and_undone_there(
    seeded: tuple[Path, Fleet], tmp_path: Path
) -> None:
    """Each command starts the Hub anew, on another port: plan, journal and cache still fit."""
    root, fleet = seeded
    subprocess.run(["cp", "-r", str(root), str(tmp_path / "hub")], check=True)
    env = environment(tmp_path / "home", XDG_CACHE_HOME=str(tmp_path / "cache"))
    list_file = tmp_path / "list.txt"
    named = fleet.of(*NAMED)
    addresses = [f"https://huggingface.co/{repo}" for repo in named[1:]]
    list_file.write_text("\ufeff# those without metadata\r\n" + "\r\n".join([named[0], *addresses]))
    hub = ("--hub", f"local:{tmp_path / 'hub'}")

    def run(*arguments: str) -> Done:
        return hubtool("recard", *arguments, *hub, cwd=tmp_path, env=env)

    def card(repo: str) -> bytes:
        with Store(tmp_path / "hub") as store:
            return store.read(repo, "main", "README.md")

    first, count = fleet.of("uniform")[0], len(fleet.changing)
    before = card(first)
    plan = ("plan", "--org", ORG, "--from-file", "list.txt")
    made = run(*plan, "--html", "plan.html", "--diff")
    assert made.returncode == 0, made.stderr
    assert f"{count} to change" in made.stdout
    assert "+base_model_relation: quantized" in made.stdout
    assert made.stdout.count("\n+++ ") >= count
    page = (tmp_path / "plan.html").read_text()
    assert page.count('<details class="repo"'.replace('"', "")) == count
    applied = run("apply", "plan.json", "--yes")
    assert (applied.returncode, applied.stdout.splitlines()[-1]) == (0, f"{count} done")
    assert card(first) != before
    assert "nothing to do" in run("apply", "plan.json", "--yes").stdout
    again = run(*plan, "--out", "again.json")
    assert f"0 to change, {count} right already" in again.stdout
    status = hubtool("recard", "status", "plan.json", "--json", cwd=tmp_path, env=env)
    assert events(status)[-1] == {"event": "status", "done": count}
    undone = run("undo", "plan.json", "--yes")
    assert (undone.returncode, undone.stdout.splitlines()[-1]) == (0, f"{count} undone")
    assert card(first) == before


def test_pull_requests_twice_are_one_a_reviewers_words_stay_and_undo_closes_it(
    ann: Maintainer,
) -> None:
    match = ("--match", "*-hubtool*")
    count, before = len(ann.fleet.of(*[kind for kind in KINDS if "hubtool" in kind])), ann.cards()
    ann.plan(*match)
    first = ann.recard("apply", "plan.json", "--pr", "--yes")
    assert first.returncode == 0, first.stderr
    assert Counter(line.split()[1] for line in ann.proposals()) == {"open": count}
    reviewed, other = ann.fleet.of("hubtool")
    words = b"---\nlicense: mit\n---\nA reviewer's words.\n"
    HfApi(endpoint=ann.running.url, token=ann.running.token).upload_file(
        path_or_fileobj=words,
        path_in_repo="README.md",
        repo_id=reviewed,
        revision="refs/pr/1",
        commit_message="Words",
    )
    ann.plan(*match, "--brand", "optiq", "--title", "Another look", "--out", "second.json")
    second = ann.recard("apply", "second.json", "--pr", "--yes")
    assert (second.returncode, second.stdout.splitlines()[-1]) == (1, f"{count - 1} done, 1 moved")
    said = f"somebody else committed to {ann.running.url}/{reviewed}/discussions/1"
    assert said in second.stdout
    assert ann.running.store.read(reviewed, "refs/pr/1", "README.md") == words
    assert Counter(line.split()[1] for line in ann.proposals()) == {"open": count}
    assert ann.titles(other, "refs/pr/1") == ["Another look", "Update the model card"]
    assert ann.cards() == before
    closed = ann.recard("undo", "second.json", "--yes")
    assert (closed.returncode, closed.stdout.splitlines()[-1]) == (0, f"{count - 1} undone")
    states = Counter(line.split()[1] for line in ann.proposals())
    assert states == {"closed": count - 1, "open": 1}


def test_faults_and_a_kill_in_the_middle_end_in_one_commit_a_repo(ann: Maintainer) -> None:
    named = [part for repo in ann.fleet.of(*NAMED) for part in ("--repo", repo)]
    ann.plan(*named)
    changing = ann.fleet.changing
    ann.running.faults[:] = [
        Fault("*", probability=0.05, seed=1, status=429, retry_after=0),
        Fault("*", probability=0.05, seed=2, status=503, retry_after=0),
        Fault("commit", probability=0.1, seed=3, lost=True),
        Fault("commit", probability=0.1, seed=4, drop=0),
        Fault("commit", latency=0.1),
    ]
    command = [sys.executable, "-m", "hubtool", "recard", "apply", "plan.json", "--yes"]
    with subprocess.Popen(
        [*command, "--hub", ann.running.url, "--concurrency", "2"],
        cwd=ann.folder,
        env=ann.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        journal = ann.folder / "plan.journal.jsonl"
        while not journal.is_file() or journal.read_bytes().count(b"\n") < len(changing) // 3:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    before = len(ann.journal())
    assert 0 < before < len(changing)
    faults, ann.running.faults[:] = [*ann.running.faults], []
    edited = [repo for repo in changing if not ann.titles(repo)][-1]
    edit = b"---\nlicense: mit\n---\nWritten while the run was down.\n"
    HfApi(endpoint=ann.running.url, token=ann.running.token).upload_file(
        path_or_fileobj=edit, path_in_repo="README.md", repo_id=edited, commit_message="Mine"
    )
    ann.running.faults[:] = faults
    done = ann.recard("apply", "plan.json", "--yes")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"  moved   {edited}: it changed since the plan was made" in done.stdout
    ours = {repo: ["Update the model card"] for repo in changing}
    assert {repo: ann.titles(repo) for repo in changing} == {**ours, edited: ["Mine"]}
    ann.running.faults.clear()
    wanted = {
        one["repo"]: next(file["after"] for file in one["files"] if file["path"] == "README.md")
        for one in json.loads((ann.folder / "plan.json").read_text())["repos"]
        if one.get("files")
    }
    cards = ann.cards()
    wanted[edited] = edit.decode()
    assert {repo: cards[repo].decode() for repo in wanted} == wanted
    assert set(wanted) == set(changing)


def test_a_token_that_may_not_write_is_refused_before_anything_is_sent(
    seeded: tuple[Path, Fleet], tmp_path: Path
) -> None:
    root, fleet = seeded
    subprocess.run(["cp", "-r", str(root), str(tmp_path / "hub")], check=True)
    with start_local_hub(tmp_path / "hub", open_namespaces=False) as running:
        ann = Maintainer(running, fleet, tmp_path / "ann")
        ann.plan()
        mine = [repo for repo in fleet.changing if fleet.kinds[repo] not in NAMED]
        tokens = {
            "eve may not write to": running.store.create_user("eve"),
            "the token of local may only read": running.store.mint_token("local", "read"),
        }
        for said, token in tokens.items():
            ann.env["HF_TOKEN"] = token
            start = len(running.log)
            done = ann.recard("apply", "plan.json", "--yes")
            assert done.returncode == 3, done.stderr
            assert said in done.stderr
            assert [repo for repo in mine if f"\n  {repo}\n" in done.stderr] == mine
            assert {one.method for one in running.log[start:]} == {"GET"}
        assert not (ann.folder / "plan.journal.jsonl").exists()


def test_a_spent_quota_ends_the_run_cleanly_and_it_goes_on_later(ann: Maintainer) -> None:
    ann.plan()
    whole = len([repo for repo in ann.fleet.changing if ann.fleet.kinds[repo] not in NAMED])
    ann.running.faults[:] = [Fault("commit", status=429, retry_after=3000)]
    done = ann.recard("apply", "plan.json", "--yes")
    assert done.returncode == 4
    assert "all that was sent is in the journal" in done.stderr
    assert re.search(r"run the same command again in about (49|50) min", done.stderr)
    ann.running.faults.clear()
    some = ann.fleet.of("optiq")
    part = ann.recard("apply", "plan.json", "--yes", "--json", *(f"--repo={one}" for one in some))
    assert events(part)[-1] == {"event": "applied", "done": len(some)}
    assert [one["event"] for one in events(part)] == ["start", *["repo"] * len(some), "applied"]
    rest = ann.recard("apply", "plan.json", "--yes")
    assert rest.stdout.splitlines()[-1] == f"{whole - len(some)} done"
