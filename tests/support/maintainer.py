"""A maintainer of a releases repository, whose pushed tags run the action."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from git import Actor, Repo
from huggingface_hub import HfApi

from hubtool.localhub.server import RunningHub
from tests.support.action_run import Run
from tests.support.action_runner import Runner
from tests.support.dispatch import pushed
from tests.support.release import CANARY, QUANT, environment

ACTION = Path(__file__).parents[2] / ".github/actions/release"
GIT_CANARY = "ghs_canaryCANARYcanary0123456789"
TAGGER = Actor("Ada", "ada@example.org")


class Maintainer:
    """A clone with push rights, and the machines that GitHub would lend to its tags."""

    def __init__(self, folder: Path, hub: RunningHub) -> None:
        self.folder, self.hub = folder, hub
        self.clone = folder / "clone"
        self.runs = 0

    @property
    def repo(self) -> Repo:
        return Repo(self.clone)

    def commit(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            (self.clone / path).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / path).write_text(text)
        with self.repo as repo:
            repo.index.add(list(files))
            repo.index.commit("change", author=TAGGER, committer=TAGGER)

    def tag(self, name: str) -> str:
        """An annotated tag, pushed; returns its commit."""
        with self.repo as repo:
            with repo.config_writer() as config:
                config.set_value("user", "name", TAGGER.name).set_value(
                    "user", "email", TAGGER.email
                )
            repo.create_tag(name, message=name)
            repo.remotes.origin.push(["main", name])
            return repo.head.commit.hexsha

    def run(
        self,
        tag: str,
        *,
        token: str | None = CANARY,
        inputs: Mapping[str, str] | None = None,
        **extra: str,
    ) -> Run:
        """The job that a pushed tag leads to: a fresh machine, a clone as actions/checkout leaves it.

        ``inputs`` are laid over those that the workflow passes to the action.
        """
        self.runs += 1
        place = self.folder / f"job-{self.runs}"
        workspace = place / "quants"
        with Repo.clone_from(str(self.folder / "origin.git"), workspace) as repo:
            commit = repo.tags[tag].commit.hexsha
            repo.git.checkout("--quiet", "--detach", commit)
            repo.git.update_ref(f"refs/tags/{tag}", commit)  # checkout v5 loses the tag object
        env = {
            **environment(place / "home", **extra),
            "PYTHONPATH": str(ACTION.parents[2]),
            "HF_ENDPOINT": self.hub.url,
            "HF_HUB_DISABLE_XET": "1",
            "GITHUB_REPOSITORY": "acme/quants",
            "GITHUB_SERVER_URL": "https://git.example",
            "RUNNER_GITHUB_TOKEN": GIT_CANARY,
        }
        runner = Runner(
            place, cache=self.folder / "cache", artifacts=self.folder / f"artifacts-{self.runs}"
        )
        asked = pushed(tag, commit, place / "start", env)
        given = {**asked.of_action("releases/tiny.yaml", token), **(inputs or {})}
        return runner.run(ACTION, given, workspace=workspace, env={**env, **asked.env})

    def commits(self) -> list[Any]:
        """The quant's commits, newest first, without the one that made the repo."""
        return list(self.api.list_repo_commits(QUANT))[:-1]

    @property
    def api(self) -> HfApi:
        return HfApi(endpoint=self.hub.url, token=self.hub.token)

    def tags(self) -> dict[str, str]:
        return {one.name: one.target_commit for one in self.api.list_repo_refs(QUANT).tags}

    def provenance(self, revision: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.hub.store.read(QUANT, revision, "optiq/release.json")
        )
        return found

    def received(self) -> int:
        """Bytes that arrived by upload and commit since the log was cleared."""
        return sum(one.bytes_received for one in self.hub.log if one.method in ("PUT", "POST"))
