"""Runs the steps of a composite action in their order, as GitHub's runner does.

Expressions, inputs with their defaults, ``if``, step outputs, GITHUB_OUTPUT, GITHUB_ENV,
GITHUB_PATH, GITHUB_STEP_SUMMARY, workflow commands and masks. Of other people's actions it
knows the few that ours uses, by what they document: setup-python, cache, upload-artifact.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.action_run import COMMAND, Annotation, Run, Step, settings_in, unescaped
from tests.support.expressions import Expression, fill, text_of, truth

STEP_SECONDS = 120
DEFAULT_BRANCH = "main"


class Runner:
    """A machine that runs jobs: ``cache`` and ``artifacts`` outlive them, all else does not."""

    def __init__(self, folder: Path, *, cache: Path, artifacts: Path) -> None:
        self.folder, self.cache, self.artifacts = folder, cache, artifacts
        self.temp = folder / "temp"
        for one in (self.temp, cache, artifacts):
            one.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        action: Path,
        inputs: Mapping[str, str],
        *,
        workspace: Path,
        env: Mapping[str, str],
    ) -> Run:
        """Run the action in ``workspace``; ``env`` is the job's, with GitHub's own variables."""
        definition = yaml.safe_load((action / "action.yml").read_text(encoding="utf-8"))
        unknown = set(inputs) - set(definition["inputs"])
        assert not unknown, f"the action has no input {unknown}"
        given = {name: one.get("default", "") for name, one in definition["inputs"].items()}
        contexts = {"inputs": {**given, **inputs}}
        job = _Job(self, workspace, dict(env), contexts, action=action)
        outputs = {name: one["value"] for name, one in definition["outputs"].items()}
        return job.all(definition["runs"]["steps"], outputs)

    def run_job(
        self,
        workflow: Path,
        name: str,
        *,
        workspace: Path,
        env: Mapping[str, str],
        secrets: Mapping[str, str] | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a job of a workflow. ``workspace`` is what its checkout would leave."""
        definition = yaml.safe_load(workflow.read_text(encoding="utf-8"))
        job_definition = definition["jobs"][name]
        contexts = {"inputs": dict(inputs or {}), "secrets": dict(secrets or {})}
        shell = definition["defaults"]["run"]["shell"]
        job = _Job(self, workspace, {**env, **definition.get("env", {})}, contexts)
        steps = [{"shell": shell, **step} for step in job_definition["steps"]]
        return job.all(steps, job_definition.get("outputs", {}))


class _Job:
    def __init__(
        self,
        runner: Runner,
        workspace: Path,
        env: dict[str, str],
        contexts: dict[str, Any],
        *,
        action: Path | None = None,
    ) -> None:
        self.runner, self.workspace = runner, workspace
        self.run = Run()
        self.by_id: dict[str, Step] = {}
        self.env = {
            **env,
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(workspace),
            "RUNNER_TEMP": str(runner.temp),
            "SATISFIED_PIP_LOG": str(runner.temp / "pip.log"),
        }
        github = {
            "action_path": str(action) if action else None,
            "token": env.get("RUNNER_GITHUB_TOKEN", ""),
            "ref_name": env.get("GITHUB_REF_NAME", ""),
            "repository": env.get("GITHUB_REPOSITORY", ""),
            "event": {"repository": {"default_branch": DEFAULT_BRANCH}},
            "run_attempt": "1",
        }
        self.contexts = {**contexts, "github": github}

    def all(self, steps: list[dict[str, Any]], outputs: Mapping[str, str]) -> Run:
        """Every step in order, then the outputs."""
        for step in steps:
            self.step(step)
        self.run.outputs = {name: self.fill(value) for name, value in outputs.items()}
        log = self.runner.temp / "pip.log"
        self.run.installs = log.read_text().splitlines() if log.is_file() else []
        return self.run

    # --- expressions -----------------------------------------------------------

    def fill(self, text: str) -> str:
        return fill(text, self._contexts(), self._functions())

    def _contexts(self) -> dict[str, Any]:
        steps = {
            name: {"outputs": step.outputs, "outcome": step.outcome}
            for name, step in self.by_id.items()
        }
        return {**self.contexts, "steps": steps, "env": self.env}

    def _functions(self) -> dict[str, Any]:
        return {
            "success": lambda: self.run.outcome == "success",
            "failure": lambda: self.run.outcome == "failure",
            "always": lambda: True,
            "cancelled": lambda: False,
            "hashFiles": self._hash_files,
        }

    def _wanted(self, condition: str | None) -> bool:
        text = (condition or "success()").strip().removeprefix("${{").removesuffix("}}")
        if not re.search(r"\b(success|failure|always|cancelled)\(", text):
            text = f"success() && ({text})"
        return truth(Expression(text, self._contexts(), self._functions()).value())

    def _hash_files(self, pattern: str) -> str:
        found = [file for file in sorted(self.workspace.glob(pattern)) if file.is_file()]
        digests = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in found)
        return hashlib.sha256(digests).hexdigest() if found else ""

    # --- one step --------------------------------------------------------------

    def step(self, step: dict[str, Any]) -> None:
        if not self._wanted(step.get("if")):
            result = Step("skipped")
        elif "run" in step:
            assert step["shell"] == "bash"
            result = self._shell(step)
        else:
            action = step["uses"].split("@")[0]
            values = {name: self.fill(text_of(one)) for name, one in step.get("with", {}).items()}
            result = _KNOWN[action](self, values)
        self.run.steps[step["name"]] = result
        if "id" in step:
            self.by_id[step["id"]] = result
        if result.outcome == "failure":
            self.run.outcome = "failure"

    def _shell(self, step: dict[str, Any]) -> Step:
        script = self.runner.temp / "step.sh"
        script.write_text(self.fill(step["run"]), encoding="utf-8")
        files = {}
        for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
            files[name] = self.runner.temp / name.lower()
            files[name].write_text("")
        given = {name: self.fill(text_of(one)) for name, one in step.get("env", {}).items()}
        env = {**self.env, **given, **{name: str(file) for name, file in files.items()}}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.workspace,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        for line in done.stdout.splitlines():
            self._line(line)
        self.env |= settings_in(files["GITHUB_ENV"].read_text())
        for folder in files["GITHUB_PATH"].read_text().split():
            self.env["PATH"] = f"{folder}{os.pathsep}{self.env['PATH']}"
        self.run.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        outputs = settings_in(files["GITHUB_OUTPUT"].read_text())
        return Step("failure" if done.returncode else "success", outputs)

    def _line(self, line: str) -> None:
        match = COMMAND.match(line.strip())
        if match and match["name"] == "add-mask":
            self.run.masks.append(match["text"])
            return
        self.run.raw.append(line)
        if match and match["name"] in ("error", "warning", "notice"):
            pairs = (pair.partition("=") for pair in (match["properties"] or "").split(",") if pair)
            places = {key: unescaped(value) for key, _, value in pairs}
            self.run.annotations.append(
                Annotation(
                    match["name"],
                    unescaped(match["text"]),
                    places.get("title", ""),
                    places.get("file", ""),
                )
            )

    # --- other people's actions --------------------------------------------------

    def setup_python(self, given: dict[str, str]) -> Step:
        """Puts a Python on the path: the one of the tests, whose pip is only asked."""
        assert re.fullmatch(r"3\.\d+", given["python-version"])
        folder = self.runner.temp / "python"
        folder.mkdir(exist_ok=True)
        pip = Path(__file__).with_name("satisfied_pip.py")
        scripts = {
            "python": f'if [ "$1 $2" = "-m pip" ]; then shift 2; exec "{sys.executable}" "{pip}" "$@"; fi\n'
            f'exec "{sys.executable}" "$@"',
            "hubtool": f'exec "{sys.executable}" -m hubtool "$@"',
        }
        for name, text in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        self.env["PATH"] = f"{folder}{os.pathsep}{self.env['PATH']}"
        return Step("success", {"python-version": given["python-version"]})

    def checkout(self, given: dict[str, str]) -> Step:
        """The workspace is there already: whoever starts a job makes it."""
        assert given["persist-credentials"] == "false"
        assert (self.workspace / ".git").is_dir()
        return Step("success")

    def restore(self, given: dict[str, str]) -> Step:
        """actions/cache/restore: an exact key only, of the run's own ref or the default branch."""
        refs = (self.env["GITHUB_REF"], f"refs/heads/{DEFAULT_BRANCH}")
        found = (self._archive(ref, given["key"]) for ref in refs)
        archive = next((one for one in found if one.is_file()), None)
        if archive is None:
            return Step("success", {"cache-hit": ""})
        with tarfile.open(archive) as tar:
            tar.extractall(self.workspace, filter="data")
        return Step("success", {"cache-hit": "true"})

    def save(self, given: dict[str, str]) -> Step:
        """actions/cache/save: what is there of the paths; a key that exists is never replaced."""
        archive = self._archive(self.env["GITHUB_REF"], given["key"])
        archive.parent.mkdir(exist_ok=True)
        there = [path for path in given["path"].split() if (self.workspace / path).exists()]
        if archive.is_file() or not there:
            self._line(f"::warning::cache {given['key']} was not saved")
            return Step("success")
        partial = archive.with_name(f"{archive.name}.{os.getpid()}.{id(self)}")
        with tarfile.open(partial, "w") as tar:
            for path in there:
                tar.add(self.workspace / path, arcname=path)
        partial.replace(archive)
        return Step("success")

    def _archive(self, ref: str, key: str) -> Path:
        """Caches belong to the ref whose run made them."""
        assert re.fullmatch(r"[\w.-]{1,512}", key)
        return self.runner.cache / ref.replace("/", "--") / f"{key}.tar"

    def upload(self, given: dict[str, str]) -> Step:
        """actions/upload-artifact: globs below the workspace; hidden files only if asked for."""
        target = self.runner.artifacts / given["name"]
        assert re.fullmatch(r"[^\"/:<>|*?\r\n\\]+", given["name"]), given["name"]
        for pattern in given["path"].split():
            hidden = given.get("include-hidden-files") == "true"
            for source in sorted(self.workspace.glob(pattern)):
                name = source.relative_to(self.workspace).as_posix()
                if name.startswith(".") and not hidden:
                    continue
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    shutil.copytree(source, place, dirs_exist_ok=True)
                else:
                    shutil.copyfile(source, place)
        return Step("success")


_KNOWN = {
    "actions/checkout": _Job.checkout,
    "actions/setup-python": _Job.setup_python,
    "actions/cache/restore": _Job.restore,
    "actions/cache/save": _Job.save,
    "actions/upload-artifact": _Job.upload,
}
