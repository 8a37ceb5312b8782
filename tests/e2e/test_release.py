"""One release as a user runs it: whole, again, killed, refused, over a bad line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from hubtool.localhub.faults import parse_fault
from hubtool.localhub.server import RunningHub
from tests.support.release import CANARY, environment, files_holding, hubtool, kill_when

BASE = "acme/tiny-llama"
QUANT = "me/tiny-llama-OptiQ-4bit"
QUICK = ("--calibration-tokens", "96", "--target-bpw", "5.0")


class User:
    """A maintainer with a token, a home and a work folder, on a Hub that the test watches."""

    def __init__(self, hub: RunningHub, folder: Path, token: str) -> None:
        self.hub, self.folder, self.token = hub, folder, token
        folder.mkdir()
        self.env = environment(folder / "home", token=token)

    def arguments(self, *extra: str) -> tuple[str, ...]:
        return ("release", BASE, "--org", "me", "--hub", self.hub.url, *QUICK, *extra)

    def release(self, *extra: str):
        return hubtool(*self.arguments(*extra), cwd=self.folder, env=self.env)

    def killed_at(self, text: str, after: float = 0.0) -> str:
        return kill_when(text, *self.arguments(), cwd=self.folder, env=self.env, after=after)

    def sent(self, method: str, part: str) -> list[str]:
        return [
            entry.path for entry in self.hub.log if entry.method == method and part in entry.path
        ]

    def commits(self) -> list[str]:
        """Titles of the quant's commits that hubtool made."""
        return [commit.title for commit in self.hub.store.commits(QUANT)][:-1]


@pytest.fixture
def user(tiny_hub: RunningHub, tmp_path: Path) -> User:
    return User(tiny_hub, tmp_path / "user", tiny_hub.token)


def test_a_release_is_one_verified_commit_and_a_second_run_changes_nothing(user: User) -> None:
    first = user.release("--json")
    assert first.returncode == 0, first.stderr
    receipt = json.loads(first.stdout)
    assert (receipt["repo"], receipt["committed"], receipt["verified"]) == (QUANT, True, True)
    assert receipt["commit"] == user.hub.store.head(QUANT)
    assert len(user.commits()) == 1

    user.hub.log.clear()
    seconds = []
    for _ in range(2):
        started = time.monotonic()
        again = user.release()
        seconds.append(time.monotonic() - started)
        assert again.returncode == 0, again.stderr
    assert "already published; nothing to do" in again.stdout
    assert not [entry for entry in user.hub.log if entry.method not in ("GET", "HEAD")]
    assert not user.sent("GET", "/resolve/")
    assert len(user.commits()) == 1
    assert min(seconds) < 3


@pytest.mark.parametrize(
    "moment", ["Measuring sensitivity", "Quantizing", "Splitting off", "Checking"]
)
def test_killed_in_a_stage_the_same_command_finishes(user: User, moment: str) -> None:
    user.killed_at(moment, after=0.3)
    assert user.hub.store.head(QUANT) is None
    downloads = len(user.sent("GET", "/resolve/"))
    done = user.release()
    assert done.returncode == 0, done.stderr
    assert len(user.commits()) == 1
    assert len(user.sent("GET", f"/{BASE}/resolve/")) == downloads


def test_killed_in_an_upload_nothing_is_visible_and_no_blob_is_sent_twice(user: User) -> None:
    user.hub.faults.append(parse_fault("lfs-upload:latency=1.5,nth=2"))
    user.killed_at("Publishing", after=2.0)
    assert user.hub.store.head(QUANT) is None or user.commits() == []
    user.hub.faults.clear()
    done = user.release()
    assert done.returncode == 0, done.stderr
    stored = [entry for entry in user.hub.log if entry.method == "PUT" and entry.status == 200]
    oids = [entry.path.split("?")[0].rsplit("/", 1)[-1] for entry in stored]
    assert len(oids) == len(set(oids))
    assert len(user.commits()) == 1


def test_killed_between_commit_and_verify_the_rerun_verifies_without_a_second_commit(
    user: User,
) -> None:
    user.killed_at("Verifying")
    assert len(user.commits()) == 1
    done = user.release("--json")
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert receipt["verified"]
    assert len(user.commits()) == 1


def test_two_runs_on_one_work_folder_the_second_says_who_holds_it(user: User) -> None:
    from hubtool.release.journal import hold

    with hold(user.folder / ".hubtool" / QUANT.replace("/", "--")):
        second = user.release()
    assert second.returncode == 2
    assert "is in use by hubtool process" in second.stderr


def test_with_faults_on_the_release_finishes(user: User) -> None:
    for spec in (
        "*:status=429,retry_after=0,every=7",
        "*:status=503,every=9",
        "*:drop=0,every=11",
    ):
        user.hub.faults.append(parse_fault(spec))
    done = user.release("--json")
    assert done.returncode == 0, done.stderr
    user.hub.faults.clear()
    assert json.loads(done.stdout)["verified"]
    assert len(user.commits()) == 1


def test_with_the_hub_gone_it_exits_4_says_how_to_resume_and_loses_nothing(
    user: User, tmp_path: Path
) -> None:
    user.hub.faults.append(parse_fault("commit:drop=0"))
    gone = user.release()
    assert gone.returncode == 4, gone.stderr
    assert "run the same command" in gone.stderr
    assert "Traceback" not in gone.stderr
    user.hub.faults.clear()
    puts = len(user.sent("PUT", "/"))
    done = user.release()
    assert done.returncode == 0, done.stderr
    assert len(user.sent("PUT", "/")) == puts
    assert len(user.commits()) == 1


def test_a_dry_run_sends_nothing_and_leaves_folder_card_and_plan(user: User) -> None:
    done = user.release("--dry-run")
    assert done.returncode == 0, done.stderr
    assert not [entry for entry in user.hub.log if entry.method not in ("GET", "HEAD")]
    work = user.folder / ".hubtool" / QUANT.replace("/", "--")
    plan = json.loads((work / "plan.json").read_text())
    planned = {item["path"] for item in plan["operations"]}
    present = {
        f.relative_to(work / "quant").as_posix() for f in (work / "quant").rglob("*") if f.is_file()
    }
    assert planned == present
    assert {"README.md", "config.json", "LICENSE", "optiq/metadata.json"} <= present


def test_no_token_and_no_home_path_leaves_the_process(tiny_hub: RunningHub, tmp_path: Path) -> None:
    tiny_hub.store.accounts.adopt_token("local", CANARY)
    user = User(tiny_hub, tmp_path / "user", CANARY)
    done = user.release("--json")
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert files_holding(user.folder, CANARY) == []
    quant = user.folder / ".hubtool" / QUANT.replace("/", "--") / "quant"
    assert files_holding(quant, str(tmp_path)) == []
    assert files_holding(quant, str(Path.home())) == []


def test_another_tools_quant_is_described_from_its_bytes(user: User, plain_quant: Path) -> None:
    done = user.release("--quant", str(plain_quant), "--json")
    assert done.returncode == 0, done.stderr
    card = user.hub.store.read(QUANT, "main", "README.md").decode()
    assert "base_model: acme/tiny-llama" in card
    assert "mixed-precision" not in card.split("---")[2].split("\n## ")[0]


def test_another_tools_quant_that_lies_is_refused_with_both_figures(
    user: User, plain_quant: Path
) -> None:
    claims = {"method": "optiq_mixed_precision", "n_high_bits": 103, "per_layer": {}}
    (plain_quant / "optiq_metadata.json").write_text(json.dumps(claims))
    done = user.release("--quant", str(plain_quant))
    assert done.returncode == 1, done.stderr
    assert "103" in done.stderr
    assert user.hub.store.head(QUANT) is None
