"""The action of this repository, step by step as a runner does it, against the local Hub."""

from __future__ import annotations

import base64
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from git import Repo

from hubtool.localhub.faults import parse_fault
from hubtool.localhub.oidc import Publisher
from hubtool.localhub.server import start_local_hub
from tests.support.action_run import Run
from tests.support.maintainer import ACTION, GIT_CANARY, Maintainer
from tests.support.oidc_issuer import REQUEST_TOKEN, running_issuer
from tests.support.release import (
    BASE,
    CANARY,
    QUANT,
    adopt_token,
    environment,
    files_holding,
    hubtool,
)

SEEN_RECEIPT = ".hubtool/me--tiny-llama-OptiQ-4bit/receipt.json"
MANIFEST = f"""\
base: {BASE}
publish: {{org: me}}
quantize: {{target_bpw: 5.0, calibration_tokens: 96}}
scores: ../scores/tiny.json
card: {{template: ../templates/ours.md.j2}}
"""
TEMPLATE = '{% include "blocks/intro.md.j2" %}\n{% include "blocks/details.md.j2" %}\n{% include "blocks/scores.md.j2" %}\n'


def scores(correct: int) -> str:
    score = {
        "benchmark": "gsm8k",
        "display_name": "GSM8K (100)",
        "metric": "exact_match",
        "correct": correct,
        "n": 100,
    }
    return json.dumps({"format": "hubtool-scores", "version": 1, "candidate": [score]})


@pytest.fixture(scope="module")
def first(seeded_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A repository with a manifest whose tag v1 was pushed and released; the Hub is stopped."""
    folder = tmp_path_factory.mktemp("action")
    shutil.copytree(seeded_root, folder / "hub")
    Repo.init(folder / "origin.git", bare=True, initial_branch="main").close()
    Repo.clone_from(str(folder / "origin.git"), folder / "clone").close()
    with start_local_hub(folder / "hub") as hub:
        adopt_token(hub, CANARY)
        maintainer = Maintainer(folder, hub)
        files = {
            "releases/tiny.yaml": MANIFEST,
            "scores/tiny.json": scores(61),
            "templates/ours.md.j2": TEMPLATE,
            ".gitignore": ".hubtool/\n",
        }
        maintainer.commit(files)
        locked = hubtool(
            "lock", "--hub", hub.url, cwd=maintainer.clone, env=environment(folder / "home")
        )
        assert locked.returncode == 0, locked.stderr
        lock = "releases/tiny.lock.yaml"
        maintainer.commit({lock: (maintainer.clone / lock).read_text()})
        maintainer.tag("tiny/v1")
        run = maintainer.run("tiny/v1")
    for job in folder.glob("job-*"):
        job.rename(folder / "first-job")
    return folder, run


@pytest.fixture
def maintainer(first: tuple[Path, Run], tmp_path: Path) -> Any:
    """The world after the first release, for this test alone."""
    for name in ("hub", "origin.git", "clone", "cache"):
        shutil.copytree(first[0] / name, tmp_path / name)
    with Repo(tmp_path / "clone") as repo:
        repo.remotes.origin.set_url(str(tmp_path / "origin.git"))
    with start_local_hub(tmp_path / "hub") as hub:
        yield Maintainer(tmp_path, hub)


def no_secret_in(run: Run, *folders: Path) -> None:
    """No token in what the job printed, even before masking, nor in what it left."""
    told = "\n".join([*run.raw, run.summary, json.dumps(run.outputs)])
    told += "".join(json.dumps(step.outputs) for step in run.steps.values())
    login = base64.b64encode(f"x-access-token:{GIT_CANARY}".encode()).decode()
    assert login in run.masks
    for secret in (CANARY, GIT_CANARY, login, REQUEST_TOKEN, "hf_jwt_", "eyJ"):
        assert secret not in told
    for secret in (CANARY, GIT_CANARY, login, REQUEST_TOKEN, "hf_jwt_"):
        for folder in folders:
            assert files_holding(folder, secret) == []


def test_the_first_tag_publishes_with_its_provenance(
    first: tuple[Path, Run], maintainer: Maintainer
) -> None:
    folder, run = first
    assert run.outcome == "success", run.log
    (commit,) = maintainer.commits()
    git = maintainer.repo.tags["tiny/v1"].commit.hexsha
    assert commit.title == f"Release tiny/v1: a quant of {BASE} at {base_commit(maintainer)[:12]}"
    assert commit.message == (
        f"Made from releases/tiny.yaml of https://git.example/acme/quants at commit {git}, "
        "tag tiny/v1."
    )
    assert maintainer.tags() == {"tiny/v1": commit.commit_id}
    told = maintainer.provenance("tiny/v1")
    assert {name: value for name, value in told.items() if name.startswith("git_")} == {
        "git_commit": git,
        "git_tag": "tiny/v1",
        "git_repository": "https://git.example/acme/quants",
        "git_manifest": "releases/tiny.yaml",
        "git_tagger": "Ada",
        "git_signature": None,
    }
    receipt = json.loads((folder / "first-job/quants" / SEEN_RECEIPT).read_text())
    assert (receipt["commit"], receipt["tag"]) == (commit.commit_id, "tiny/v1")
    assert run.outputs["receipt"].endswith(SEEN_RECEIPT)
    assert (run.outputs["repo"], run.outputs["commit"]) == (QUANT, commit.commit_id)
    assert run.outputs["url"].endswith(f"/{QUANT}")
    assert f"]({run.outputs['url']}): published" in run.summary
    assert "| Bits per weight, nominal (allocation only) | 5.00 |" in run.summary
    chart = f"({run.outputs['url']}/resolve/{commit.commit_id}/assets/"
    assert chart in run.summary
    assert run.installs[0].endswith(f"{ACTION}/../../..")
    assert run.installs[1].endswith("-r " + str(folder / "job-1/temp/hubtool-tools.txt"))
    kept = (folder / "cache/refs--heads--main").iterdir()
    assert sorted(file.name.split("-")[1] for file in kept) == [
        "base",
        "measurement",
        "quant",
    ]
    (artifact,) = (folder / "artifacts-1").iterdir()
    assert (artifact.name, (artifact / SEEN_RECEIPT).is_file()) == ("hubtool-tiny-1", True)
    assert CANARY in run.masks
    no_secret_in(run, folder / "cache", folder / "artifacts-1", folder / "first-job/quants")


def test_the_same_tag_again_changes_nothing(maintainer: Maintainer) -> None:
    before = maintainer.commits(), maintainer.tags()
    maintainer.hub.log.clear()
    run = maintainer.run("tiny/v1")
    assert run.outcome == "success", run.log
    assert (maintainer.commits(), maintainer.tags()) == before
    assert [one for one in maintainer.hub.log if one.method not in ("GET", "HEAD")] == []
    assert not [one for one in maintainer.hub.log if one.path.endswith(".safetensors")]
    assert run.outputs["commit"] == before[0][0].commit_id
    assert "already published" in run.summary


def test_a_new_score_file_re_cards_by_a_trusted_publisher_and_sends_no_weights(
    maintainer: Maintainer,
) -> None:
    maintainer.commit({"scores/tiny.json": scores(62)})
    maintainer.tag("tiny/v2")
    store = maintainer.hub.store
    maintainer.hub.log.clear()
    claims = {"repository": "acme/quants", "ref": "refs/heads/main"}
    with running_issuer(claims) as issuer:
        publisher = Publisher(issuer.address, claims)
        store.accounts.trust(store.repos.get(QUANT), publisher, by="local")
        run = maintainer.run("tiny/v2", token=None, **issuer.environment)
    assert run.outcome == "success", run.log
    for step in ("Restore the base", "Restore the measurement", "Restore the quant"):
        assert run.steps[step].outputs["cache-hit"] == "true"
    newest, older = maintainer.commits()
    assert newest.title.startswith("Release tiny/v2: ")
    assert maintainer.tags() == {"tiny/v1": older.commit_id, "tiny/v2": newest.commit_id}
    weights = [file for file in listing(maintainer, "tiny/v2") if file.endswith(".safetensors")]
    sizes = [len(store.read(QUANT, "main", file)) for file in weights]
    chart = len(store.read(QUANT, "main", "assets/scores.png"))
    assert [one.bytes_received for one in maintainer.hub.log if one.method == "PUT"] == [chart]
    assert maintainer.received() < sum(sizes)
    assert listing(maintainer, "tiny/v1")[weights[0]] == listing(maintainer, "tiny/v2")[weights[0]]
    assert "62.0%" in store.read(QUANT, "main", "README.md").decode()
    quantizing = run.log.split("::group::Quantizing")[1].split("::endgroup::")[0]
    assert "unchanged since" in quantizing
    assert not [one for one in maintainer.hub.log if f"/{BASE}/resolve/" in one.path]
    left = ("cache", "job-1", "artifacts-1")
    no_secret_in(run, *(maintainer.folder / name for name in left))
    assert [mask for mask in run.masks if mask.startswith("hf_jwt_")]


def test_a_failing_check_is_annotated_and_stops_before_the_push(maintainer: Maintainer) -> None:
    block = "Ninety-nine of 99 users like it.\n"
    anew = MANIFEST.replace("calibration_tokens: 96", "calibration_tokens: 144")
    maintainer.commit({"templates/blocks/intro.md.j2": block, "releases/tiny.yaml": anew})
    maintainer.tag("tiny/v2")
    before = maintainer.commits()
    maintainer.hub.log.clear()
    run = maintainer.run("tiny/v2")
    assert run.outcome == "failure"
    assert run.steps["Release"].outcome == "failure"
    assert (maintainer.commits(), list(maintainer.tags())) == (before, ["tiny/v1"])
    assert not [one for one in maintainer.hub.log if one.method == "PUT"]
    found = [one for one in run.annotations if one.title == "card/facts"]
    assert [(one.level, one.file) for one in found] == [("error", "releases/tiny.yaml")]
    assert "99" in found[0].text
    assert "not released" in run.summary
    assert "HT0701" in run.summary
    assert run.outputs["commit"] == ""
    # what was measured is kept all the same
    kept = [file.name.split("-")[1] for file in (maintainer.folder / "cache").rglob("*.tar")]
    assert sorted(kept) == ["base", "measurement", "measurement", "quant", "quant"]
    no_secret_in(run, maintainer.folder / "artifacts-1")


def test_two_tags_at_once_end_as_two_clean_commits(maintainer: Maintainer) -> None:
    for name, correct in (("tiny/v2", 64), ("tiny/v3", 65)):
        maintainer.commit({"scores/tiny.json": scores(correct)})
        maintainer.tag(name)
    # the first commit to arrive waits for the other, so that both were planned on one parent
    maintainer.hub.faults.append(parse_fault("commit:together=2,times=2"))
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(maintainer.run, name) for name in ("tiny/v2", "tiny/v3")]
        runs = [job.result() for job in jobs]
    assert [run.outcome for run in runs] == ["success", "success"], runs[0].log + runs[1].log
    log = [one for one in maintainer.hub.log if "/commit/main" in one.path]
    statuses = sorted(one.status for one in log)
    # the one that came too late was planned anew on top of the other
    assert statuses == [200, 200, 412]
    newest, second, first = maintainer.commits()
    assert {newest.title[:15], second.title[:15]} == {"Release tiny/v2", "Release tiny/v3"}
    late = runs[1] if newest.title.startswith("Release tiny/v3") else runs[0]
    older_on_top = newest.title.startswith("Release tiny/v2")
    assert ("the older one is on main now" in late.log) == older_on_top
    tags = maintainer.tags()
    assert set(tags.values()) == {newest.commit_id, second.commit_id, first.commit_id}
    for tag, correct in (("tiny/v2", 64), ("tiny/v3", 65)):
        card = maintainer.hub.store.read(QUANT, tag, "README.md").decode()
        assert f"{correct}.0%" in card
        assert maintainer.provenance(tag)["git_tag"] == tag


def test_a_tag_that_moved_since_its_push_is_refused(maintainer: Maintainer) -> None:
    run = maintainer.run("tiny/v1", inputs={"sha": "f" * 40})
    assert run.outcome == "failure"
    assert run.steps["Plan"].outcome == "skipped"
    (told,) = run.annotations
    assert (told.level, told.title) == ("error", "HT1005")
    assert "was pushed at ffffffffffff" in told.text


def test_an_error_of_the_plan_is_annotated_and_in_the_summary(maintainer: Maintainer) -> None:
    run = maintainer.run("tiny/v1", inputs={"manifest": "releases/typo.yaml"})
    assert (run.outcome, run.steps["Plan"].outcome) == ("failure", "failure")
    (told,) = run.annotations
    assert (told.level, told.title) == ("error", "HT1006")
    assert "releases/typo.yaml" in told.text
    assert "HT1006" in run.summary
    assert run.steps["Release"].outcome == "skipped"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--locked\n--org us\n", "--org in extra-args: use the input org"),
        ("--tag=v9", "--tag in extra-args: use the input tag"),
        ("--locked\n--name other", "write publish.name into the manifest"),
    ],
)
def test_flags_that_the_plan_does_not_see_are_refused(
    maintainer: Maintainer, flags: str, told: str
) -> None:
    run = maintainer.run("tiny/v1", inputs={"extra-args": flags})
    assert run.steps["Choose what to release"].outcome == "failure"
    (one,) = run.annotations
    assert told in one.text


def test_every_line_of_the_extra_args_arrives(maintainer: Maintainer) -> None:
    run = maintainer.run("tiny/v1", inputs={"extra-args": "--locked\n--no-such-flag\n"})
    assert run.steps["Release"].outcome == "failure"
    assert "--no-such-flag" in run.log


def base_commit(maintainer: Maintainer) -> str:
    return str(maintainer.hub.store.head(BASE))


def listing(maintainer: Maintainer, revision: str) -> dict[str, str]:
    """Path -> hash of every file of the quant."""
    store = maintainer.hub.store
    repo = store.repos.get(QUANT)
    tree = store.history.tree(repo, store.history.resolve(repo, revision))
    return {path: entry.sha256 for path, entry in tree.items()}
