"""What a pushed tag sets off: the jobs of `release.yml`, without a machine of GitHub's."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.support.action_runner import Runner
from tests.support.expressions import fill, text_of

WORKFLOW = Path(__file__).parents[2] / "templates/workflows/release.yml"
_GH = """#!/bin/sh
test "$1 $2 $3 $4" = "workflow run release.yml --ref" || exit 1
shift 4
printf '%s\\n' "$@" > "$GH_CALLED"
"""


@dataclasses.dataclass(frozen=True)
class Dispatch:
    """The run that `gh workflow run` asks for."""

    branch: str
    inputs: dict[str, str]

    @property
    def env(self) -> dict[str, str]:
        """Where that run is."""
        return {
            "GITHUB_REF": f"refs/heads/{self.branch}",
            "GITHUB_REF_NAME": self.branch,
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_EVENT_NAME": "workflow_dispatch",
        }

    def of_action(self, manifest: str, token: str | None) -> dict[str, str]:
        """What the release job passes to the action."""
        job = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["release"]
        step = next(one for one in job["steps"] if one["uses"].startswith("$/"))
        contexts = {
            "inputs": self.inputs,
            "matrix": {"manifest": manifest},
            "secrets": {"HF_TOKEN": token},
        }
        return {name: fill(text_of(one), contexts, {}) for name, one in step["with"].items()}


def pushed(tag: str, commit: str, folder: Path, env: Mapping[str, str]) -> Dispatch:
    """Run the job that a pushed tag starts, and see what it asks of GitHub."""
    tools, called = folder / "tools", folder / "gh-called"
    tools.mkdir(parents=True)
    (tools / "gh").write_text(_GH)
    (tools / "gh").chmod(0o755)
    job_env = {
        **env,
        "PATH": f"{tools}{os.pathsep}{env['PATH']}",
        "GH_CALLED": str(called),
        "GITHUB_REF": f"refs/tags/{tag}",
        "GITHUB_REF_NAME": tag,
        "GITHUB_REF_TYPE": "tag",
        "GITHUB_SHA": commit,
    }
    runner = Runner(folder, cache=folder / "cache", artifacts=folder / "artifacts")
    run = runner.run_job(WORKFLOW, "start", workspace=folder, env=job_env)
    assert run.outcome == "success", run.log
    branch, *options = called.read_text().splitlines()
    assert options[::2] == ["-f"] * (len(options) // 2)
    return Dispatch(branch, dict(one.split("=", 1) for one in options[1::2]))
