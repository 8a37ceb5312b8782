"""The workflows that `hubtool init` writes, job by job as a runner does it, against the local Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from git import Actor, Repo

from hubtool.hub.plan import PublishPlan
from hubtool.localhub.server import RunningHub
from hubtool.release.github import plan_summary
from hubtool.release.new_repo import NAME, new_repository
from tests.support.action_run import Run
from tests.support.action_runner import Runner
from tests.support.dispatch import WORKFLOW, pushed
from tests.support.expressions import Expression, truth
from tests.support.release import BASE, CANARY, adopt_token, environment, files_holding, hubtool

ROOT = Path(__file__).parents[2]
ADA = Actor("Ada", "ada@example.org")
QUANT = "me/tiny-llama-OptiQ-4bit"


class Quants:
    """A repository as `hubtool init` makes it, with the tiny base in its manifest."""

    def __init__(self, folder: Path, hub: RunningHub) -> None:
        self.folder, self.hub = folder, hub
        self.workspace = folder / "quants"
        new_repository(self.workspace, "me")
        manifest = self.workspace / f"releases/{NAME}.yaml"
        text = manifest.read_text().replace("HuggingFaceTB/SmolLM2-135M-Instruct", BASE)
        manifest.write_text(text.replace("# scores:", "scores:"))
        self.env = {
            **environment(folder / "home"),
            "PYTHONPATH": str(ROOT),
            "HF_ENDPOINT": hub.url,
            "HF_HUB_DISABLE_XET": "1",
            "GITHUB_REPOSITORY": "me/quants",
            "GITHUB_SERVER_URL": "https://git.example",
            "GITHUB_RUN_ID": "7",
            "ARTIFACTS": str(folder / "artifacts"),
        }

    def commit(self) -> None:
        with Repo(self.workspace) as repo:
            repo.git.add("-A")
            repo.index.commit("change", author=ADA, committer=ADA)

    def tag(self, name: str) -> None:
        with Repo(self.workspace) as repo:
            repo.create_tag(name)
        self.env |= {"GITHUB_REF": f"refs/tags/{name}", "GITHUB_REF_NAME": name}

    def job(
        self, workflow: str, job: str, inputs: Mapping[str, str] | None = None, **secrets: str
    ) -> Run:
        place = self.folder / f"{workflow}-{job}"
        runner = Runner(place, cache=self.folder / "cache", artifacts=self.folder / "artifacts")
        tools = place / "temp" / "python"
        tools.mkdir(parents=True)
        # `gh run download RUN --name NAME`: an artifact of this run into the workspace
        (tools / "gh").write_text(
            '#!/bin/sh\ntest "$2 $3" = "download 7"\ncp -R "$ARTIFACTS/$5/." .\n'
        )
        (tools / "gh").chmod(0o755)
        file = self.workspace / f".github/workflows/{workflow}.yml"
        return runner.run_job(
            file, job, workspace=self.workspace, env=self.env, secrets=secrets, inputs=inputs
        )


@pytest.fixture
def quants(tiny_hub: RunningHub, tmp_path: Path) -> Quants:
    return Quants(tmp_path, tiny_hub)


def test_ci_fails_until_the_manifest_is_locked_and_then_passes(quants: Quants) -> None:
    quants.commit()
    run = quants.job("ci", "check")
    assert run.outcome == "failure"
    assert [step for step, one in run.steps.items() if one.outcome == "failure"] == [
        "Manifests and locks"
    ]
    (told,) = [one for one in run.annotations if one.file]
    assert (told.title, told.file) == ("HT1007", f"releases/{NAME}.yaml")
    shutil.rmtree(quants.folder / "ci-check")
    assert hubtool("lock", cwd=quants.workspace, env=quants.env).returncode == 0
    quants.commit()
    run = quants.job("ci", "check")
    assert run.outcome == "success", run.log
    assert run.steps["Templates"].outcome == "skipped"
    assert f"scores/{NAME}.json" in run.log
    assert len(run.installs) == 2


def test_a_tag_becomes_a_matrix_of_its_manifests(quants: Quants) -> None:
    quants.commit()
    quants.tag("v1")
    with Repo(quants.workspace) as repo:
        commit = repo.head.commit.hexsha
    asked = pushed("v1", commit, quants.folder / "start", quants.env)
    assert (asked.branch, asked.inputs) == ("main", {"tag": "v1", "sha": commit})
    run = quants.job("release", "plan", asked.inputs)
    assert run.outcome == "success", run.log
    assert run.outputs["count"] == "1"
    (job,) = json.loads(run.outputs["matrix"])["include"]
    assert (job["manifest"], job["repo"]) == (f"releases/{NAME}.yaml", QUANT)


def test_a_changed_template_is_planned_and_applied_after_the_approval(
    quants: Quants, prepared_work: Path
) -> None:
    work = next(prepared_work.iterdir())
    quants.hub.store.seed_repo(QUANT, work / "quant")
    adopt_token(quants.hub, CANARY)
    made = hubtool("template", "init", "templates", cwd=quants.workspace, env=quants.env)
    assert made.returncode == 0, made.stderr
    block = quants.workspace / "templates/blocks/intro.md.j2"
    block.write_text("# {{ facts.name | md }}\n\nIn our own words.\n")
    quants.commit()
    before = quants.hub.store.head(QUANT)

    plan = quants.job("recard", "plan")
    assert plan.outcome == "success", plan.log
    assert plan.outputs["changed"] == "true"
    assert f"{QUANT}" in plan.summary
    assert "1 to change" in plan.summary
    assert "In our own words." in (quants.folder / "artifacts/recard-plan/plan.html").read_text()
    assert quants.hub.store.head(QUANT) == before

    for file in quants.workspace.glob("plan.*"):
        file.unlink()  # another machine
    quants.hub.log.clear()
    apply = quants.job("recard", "apply", HF_TOKEN=CANARY)
    assert apply.outcome == "success", apply.log
    assert "In our own words." in quants.hub.store.read(QUANT, "main", "README.md").decode()
    assert not [one for one in quants.hub.log if one.path.endswith(".safetensors")]
    assert (quants.folder / "artifacts/recard-journal/plan.journal.jsonl").is_file()
    assert CANARY not in "\n".join(apply.raw)
    assert files_holding(quants.folder / "artifacts", CANARY) == []

    shutil.rmtree(quants.folder / "recard-plan")
    for file in quants.workspace.glob("plan*"):
        file.unlink()
    again = quants.job("recard", "plan")
    assert again.outputs["changed"] == "false", again.log


def test_the_summary_of_a_dry_run_has_the_figures_and_no_chart(prepared_work: Path) -> None:
    work = next(prepared_work.iterdir())
    text = plan_summary(PublishPlan.read(work / "plan.json"), work / "quant")
    assert text.startswith(f"## {QUANT}: dry run, nothing was sent\n")
    assert "| `README.md` | " in text
    assert "| Bits per weight, nominal (allocation only) | 5.00 |" in text
    assert "![" not in text


def test_a_pushed_tag_only_starts_the_run_that_releases() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]

    def begins(event: str) -> list[str]:
        """The jobs that need no other one and run on this event."""
        context = {"github": {"event_name": event}}
        return [
            name
            for name, job in jobs.items()
            if "needs" not in job and truth(Expression(job["if"], context, {}).value())
        ]

    assert begins("push") == ["start"]
    assert begins("workflow_dispatch") == ["plan"]
    assert jobs["release"]["needs"] == "plan"
    assert jobs["start"]["permissions"] == {"actions": "write"}
    assert [name for name, job in jobs.items() if "actions" in job["permissions"]] == ["start"]
