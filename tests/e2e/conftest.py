"""What end-to-end runs start from: a seeded Hub for each test, and one release prepared once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtool.localhub.server import RunningHub, start_local_hub
from hubtool.localhub.store import Store
from tests.support.release import BASE, QUICK, environment, hubtool
from tests.support.tiny_models import save_tiny_model

CARD = "---\nlicense: apache-2.0\nlanguage: en\npipeline_tag: text-generation\n---\n# Tiny\n"


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base's folder as its owner would upload it."""
    folder = save_tiny_model(tmp_path_factory.mktemp("bases") / "tiny-llama", "llama")
    (folder / "README.md").write_text(CARD)
    (folder / "LICENSE").write_text("Apache License, Version 2.0\n")
    return folder


@pytest.fixture(scope="session")
def seeded_root(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local Hub's folder that holds the base; copied for each test, so commits are equal."""
    root = tmp_path_factory.mktemp("seeded") / "hub"
    with Store(root) as store:
        store.seed_repo(BASE, tiny_llama)
    return root


@pytest.fixture
def tiny_hub(seeded_root: Path, tmp_path: Path) -> Iterator[RunningHub]:
    """A running Hub of this test's own with the base in it."""
    shutil.copytree(seeded_root, tmp_path / "hub")
    with start_local_hub(tmp_path / "hub") as running:
        yield running


@pytest.fixture(scope="session")
def prepared_work(seeded_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``.hubtool`` after a dry run: all stages up to the push are done."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(seeded_root, folder / "hub")
    with start_local_hub(folder / "hub") as running:
        env = environment(folder / "home", token=running.token)
        arguments = ("release", BASE, "--org", "me", "--hub", running.url, *QUICK, "--dry-run")
        done = hubtool(*arguments, cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    return folder / ".hubtool"


@pytest.fixture
def plain_quant(prepared_work: Path, tmp_path: Path) -> Path:
    """What another tool would have left: weights, config and tokenizer, nothing of ours."""
    source = next(prepared_work.iterdir()) / "quantized"
    folder = tmp_path / "plain"
    shutil.copytree(source, folder)
    return folder
