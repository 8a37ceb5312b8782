"""One release as a user runs it: whole, again, killed, refused, over a bad line."""

from __future__ import annotations

import json
import resource
import shutil
import time
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from huggingface_hub import HfApi

from hubtool.artifact.identity import weights_sha256
from hubtool.artifact.stats import stats_of_folder
from hubtool.localhub.faults import parse_fault
from hubtool.localhub.server import RunningHub
from tests.support.release import (
    BASE,
    CANARY,
    QUANT,
    QUICK,
    adopt_token,
    environment,
    files_holding,
    hubtool,
    kill_when,
)


class User:
    """A maintainer with a token, a home and a work folder, on a Hub that the test watches."""

    def __init__(self, hub: RunningHub, folder: Path, work: Path | None = None) -> None:
        self.hub, self.folder = hub, folder
        folder.mkdir()
        if work is not None:
            shutil.copytree(work, folder / ".hubtool")
        self.env = environment(folder / "home", token=hub.token)

    def arguments(self, *extra: str) -> tuple[str, ...]:
        return ("release", BASE, "--org", "me", "--hub", self.hub.url, *QUICK, *extra)

    def release(self, *extra: str) -> CompletedProcess[str]:
        return hubtool(*self.arguments(*extra), cwd=self.folder, env=self.env)

    def killed_at(self, text: str, after: float = 0.0) -> str:
        return kill_when(text, *self.arguments(), cwd=self.folder, env=self.env, after=after)

    def sent(self, method: str, part: str) -> list[str]:
        return [
            entry.path for entry in self.hub.log if entry.method == method and part in entry.path
        ]

    def blobs(self) -> list[str]:
        """sha256 of each blob that arrived whole, once for each time."""
        done = [one for one in self.hub.log if one.method == "PUT" and one.status == 200]
        return [one.path.split("?")[0].rsplit("/", 1)[-1] for one in done]

    def commits(self) -> list[str]:
        """Titles of the quant's commits, without the one that made the repo."""
        api = HfApi(endpoint=self.hub.url, token=self.hub.token)
        return [commit.title for commit in api.list_repo_commits(QUANT)][:-1]


@pytest.fixture
def user(tiny_hub: RunningHub, tmp_path: Path) -> User:
    return User(tiny_hub, tmp_path / "user")


@pytest.fixture
def ready(tiny_hub: RunningHub, tmp_path: Path, prepared_work: Path) -> User:
    """A user whose run has come as far as the push."""
    return User(tiny_hub, tmp_path / "user", prepared_work)


def test_a_release_is_one_verified_commit_and_a_second_run_changes_nothing(
    user: User, tiny_llama: Path
) -> None:
    first = user.release("--json")
    assert first.returncode == 0, first.stderr
    receipt = json.loads(first.stdout)
    assert (receipt["repo"], receipt["committed"], receipt["verified"]) == (QUANT, True, True)
    assert receipt["commit"] == user.hub.store.head(QUANT)
    assert len(user.commits()) == 1
    written = json.loads(
        (user.folder / f".hubtool/{QUANT.replace('/', '--')}/quant/optiq/metadata.json").read_text()
    )
    base = weights_sha256(tiny_llama)
    assert written["base_sha256"] == base
    named = {"repo": BASE, "revision": user.hub.store.head(BASE), "sha256": base}
    assert written["verification"]["base"] == named

    user.hub.log.clear()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    again = user.release()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert again.returncode == 0, again.stderr
    assert "already published; nothing to do" in again.stdout
    assert not [entry for entry in user.hub.log if entry.method not in ("GET", "HEAD")]
    assert not user.sent("GET", f"/{BASE}/resolve/")
    assert len(user.commits()) == 1
    # processor time: it nearly equals the wall's when nothing else runs, and tests run in pairs
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 3


@pytest.mark.parametrize(
    ("moment", "after"),
    [("Measuring sensitivity", 0.3), ("Quantizing", 0), ("Comparing", 0.2), ("Checking", 0)],
)
def test_killed_in_a_stage_the_same_command_finishes(user: User, moment: str, after: float) -> None:
    user.killed_at(moment, after=after)
    assert user.hub.store.head(QUANT) is None
    downloads = len(user.sent("GET", "/resolve/"))
    done = user.release()
    assert done.returncode == 0, done.stderr
    assert len(user.commits()) == 1
    assert len(user.sent("GET", f"/{BASE}/resolve/")) == downloads


def test_killed_in_an_upload_nothing_is_visible_and_no_blob_is_sent_twice(ready: User) -> None:
    ready.hub.faults.append(parse_fault("lfs-upload:slow=30000"))
    ready.killed_at("uploading", after=1.0)
    assert ready.hub.store.head(QUANT) is None or ready.commits() == []
    ready.hub.faults.clear()
    done = ready.release()
    assert done.returncode == 0, done.stderr
    assert len(ready.blobs()) == len(set(ready.blobs())) > 0
    assert len(ready.commits()) == 1


def test_killed_while_the_commit_is_under_way_it_lands_once(ready: User) -> None:
    ready.hub.faults.append(parse_fault("commit:latency=3,times=1"))
    ready.killed_at("uploading", after=2.0)
    sent = ready.blobs()
    time.sleep(3)
    done = ready.release("--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified"]
    assert len(ready.commits()) == 1
    assert ready.blobs() == sent


def test_killed_between_commit_and_verify_the_rerun_verifies_without_a_second_commit(
    ready: User,
) -> None:
    ready.killed_at("Verifying")
    assert len(ready.commits()) == 1
    done = ready.release("--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified"]
    assert len(ready.commits()) == 1


@pytest.mark.parametrize("budget", [("--max-size", "20KB"), ("--fit", "100MB")])
def test_a_budget_that_cannot_be_is_told_before_anything_is_measured(
    user: User, budget: tuple[str, str]
) -> None:
    named = ("--hub", user.hub.url, "--org", "me", "--name", "q")
    done = hubtool("release", BASE, *named, *budget, cwd=user.folder, env=user.env)
    assert done.returncode == 2, done.stderr
    assert "Settling the budget" in done.stderr
    assert f"{budget[0]}" in done.stderr
    assert "the weights need at least" in done.stderr
    assert "Measuring" not in done.stderr


def test_two_runs_on_one_work_folder_the_second_says_who_holds_it(user: User) -> None:
    from hubtool.release.journal import hold

    with hold(user.folder / ".hubtool" / QUANT.replace("/", "--")):
        second = user.release()
    assert second.returncode == 2
    assert "is in use by hubtool process" in second.stderr


def test_with_faults_on_the_release_finishes(ready: User) -> None:
    for spec in (
        "*:status=429,retry_after=0,every=7",
        "*:status=503,every=9",
        "*:drop=0,every=11",
    ):
        ready.hub.faults.append(parse_fault(spec))
    done = ready.release("--json")
    assert done.returncode == 0, done.stderr
    ready.hub.faults.clear()
    assert json.loads(done.stdout)["verified"]
    assert len(ready.commits()) == 1


def test_with_the_hub_gone_it_exits_4_says_how_to_resume_and_loses_nothing(
    ready: User,
) -> None:
    ready.hub.faults.append(parse_fault("commit:drop=0"))
    ready.env["HUBTOOL_RETRY_SECONDS"] = "3"
    gone = ready.release()
    assert gone.returncode == 4, gone.stderr
    assert "run the same command" in gone.stderr
    assert "Traceback" not in gone.stderr
    ready.hub.faults.clear()
    puts = len(ready.sent("PUT", "/"))
    done = ready.release()
    assert done.returncode == 0, done.stderr
    assert len(ready.sent("PUT", "/")) == puts
    assert len(ready.commits()) == 1


def test_a_dry_run_sends_nothing_and_leaves_folder_card_and_plan(ready: User) -> None:
    done = ready.release("--dry-run")
    assert done.returncode == 0, done.stderr
    assert not [entry for entry in ready.hub.log if entry.method not in ("GET", "HEAD")]
    work = ready.folder / ".hubtool" / QUANT.replace("/", "--")
    plan = json.loads((work / "plan.json").read_text())
    planned = {item["path"] for item in plan["operations"]}
    present = {
        f.relative_to(work / "quant").as_posix() for f in (work / "quant").rglob("*") if f.is_file()
    }
    assert planned == present
    assert {"README.md", "config.json", "LICENSE", "optiq/metadata.json"} <= present


def test_another_budget_measures_nothing_again_and_is_met_to_the_byte(ready: User) -> None:
    budget = ("--stored-bpw", "7.0", "--group-sizes", "64")
    quick = ("--calibration-tokens", "96", "--verify-tokens", "96", "--dry-run")
    same = ("release", BASE, "--org", "me", "--name", QUANT.split("/")[1], "--hub", ready.hub.url)
    done = hubtool(*same, *budget, *quick, cwd=ready.folder, env=ready.env)
    assert done.returncode == 0, done.stderr
    assert "Measuring sensitivity\n  unchanged since" in done.stderr
    quant = ready.folder / ".hubtool" / QUANT.replace("/", "--") / "quant"
    assert 0.97 * 7.0 < stats_of_folder(quant).stored_bpw <= 7.0
    assert "--stored-bpw 7.0 --candidate-bits" in (quant / "README.md").read_text()


@pytest.mark.parametrize("output", ["--json", "--private"])  # --private: for people
def test_no_token_and_no_home_path_leaves_the_process(
    user: User, tmp_path: Path, output: str
) -> None:
    adopt_token(user.hub, CANARY)
    user.env["HF_TOKEN"] = CANARY
    user.hub.faults.append(parse_fault("commit:status=503,times=1"))  # errors are printed as well
    done = user.release(output)
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert files_holding(user.folder, CANARY) == []
    quant = user.folder / ".hubtool" / QUANT.replace("/", "--") / "quant"
    assert files_holding(quant, str(tmp_path)) == []
    assert files_holding(quant, str(Path.home())) == []


def test_a_pull_request_into_a_collection_is_opened_once(ready: User) -> None:
    api = HfApi(endpoint=ready.hub.url, token=ready.hub.token)
    slug = api.create_collection("Quants", namespace="me").slug
    first = ready.release("--pr", "--collection", slug, "--json")
    assert first.returncode == 0, first.stderr
    receipt = json.loads(first.stdout)
    assert receipt["pull_request_url"].endswith("/discussions/1")
    assert ready.commits() == []
    again = ready.release("--pr", "--collection", slug)
    assert again.returncode == 0, again.stderr
    assert "already published; nothing to do" in again.stdout
    assert len(list(api.get_repo_discussions(QUANT))) == 1
    assert [item.item_id for item in api.get_collection(slug).items] == [QUANT]


def test_a_hand_written_paragraph_on_the_published_card_stays(ready: User) -> None:
    assert ready.release().returncode == 0
    api = HfApi(endpoint=ready.hub.url, token=ready.hub.token)
    card = ready.hub.store.read(QUANT, "main", "README.md") + b"\n## Notes\n\nMine, by hand.\n"
    api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=QUANT)
    again = ready.release("--drafter", "acme/drafter")
    assert again.returncode == 0, again.stderr
    published = ready.hub.store.read(QUANT, "main", "README.md").decode()
    assert published.endswith("\n## Notes\n\nMine, by hand.\n")
    assert "| Speculative drafter | acme/drafter via optiq serve --drafter |" in published
    assert len(ready.commits()) == 3


def test_another_tools_quant_is_described_from_its_bytes(user: User, plain_quant: Path) -> None:
    done = user.release("--quant", str(plain_quant), "--json")
    assert done.returncode == 0, done.stderr
    repo = json.loads(done.stdout)["repo"]  # named by the width that the folder itself gives
    card = user.hub.store.read(repo, "main", "README.md").decode()
    assert "base_model: acme/tiny-llama" in card
    for share in stats_of_folder(plain_quant).widths:
        row = f"| {share.components} ({share.parameter_share:.1%} of quantized parameters) |"
        assert f"| Components at {share.bits}-bit {row}" in card
    assert "| Widths chosen by | another tool; not measured by hubtool |" in card


def test_another_tools_quant_that_lies_is_refused_with_both_figures(
    user: User, plain_quant: Path
) -> None:
    claims = {"method": "optiq_mixed_precision", "n_high_bits": 103, "per_layer": {}}
    (plain_quant / "optiq_metadata.json").write_text(json.dumps(claims))
    done = user.release("--quant", str(plain_quant))
    assert done.returncode == 1, done.stderr
    assert "103" in done.stderr
    assert user.hub.store.head(QUANT) is None
