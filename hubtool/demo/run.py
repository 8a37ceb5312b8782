"""The tour: seed a local Hub with two bases, release both, say where to look."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

from hubtool.console import Console
from hubtool.demo import gemma4, smollm2
from hubtool.hub.client import HubClient
from hubtool.release.manifest import load_manifest
from hubtool.release.release import ReleaseResult, release

ORG = "demo-org"
CALIBRATION_TOKENS = 576  # 96 a domain: half a minute with a fast BLAS, four without


@dataclasses.dataclass(frozen=True)
class DemoBase:
    """A base that the demo can make by itself."""

    repo: str
    build: Callable[[Path, Console], Path]


def _gemma4(folder: Path, console: Console) -> Path:
    return gemma4.build_gemma4(folder)


BASES = {
    "smollm2": DemoBase(smollm2.REPO, smollm2.build_smollm2),
    "gemma4": DemoBase(gemma4.REPO, _gemma4),
}


def run_demo(
    names: tuple[str, ...], *, hub: HubClient, root: Path, console: Console
) -> list[ReleaseResult]:
    """Release the named bases to ``hub``; what an earlier run did is not done again.

    ``root`` keeps the bases and the work folders.
    """
    results = []
    for number, name in enumerate(names, start=1):
        base = BASES[name]
        console.note(f"== {number} of {len(names)}: {base.repo}")
        _seed(base, hub, root / "bases" / name, console)
        manifest = load_manifest(
            None,
            {
                "base": base.repo,
                "publish": {"org": ORG},
                "quantize": {"calibration_tokens": CALIBRATION_TOKENS},
                "verification": {"tokens": CALIBRATION_TOKENS},
            },
        )
        results.append(release(manifest, hub=hub, work_root=root / "work", console=console))
    return results


def _seed(base: DemoBase, hub: HubClient, folder: Path, console: Console) -> None:
    """Put the base on the Hub as its owner would: unless it is there."""
    if hub.head(base.repo) is not None:
        return
    with console.group(f"Building {base.repo}"):
        if not folder.is_dir():
            draft = folder.with_name(folder.name + ".partial")
            shutil.rmtree(draft, ignore_errors=True)
            base.build(draft, console).rename(folder)
        hub.call(f"create {base.repo}", lambda: hub.api.create_repo(base.repo, exist_ok=True))
        hub.call(
            f"upload {base.repo}",
            lambda: hub.api.upload_folder(
                repo_id=base.repo, folder_path=folder, commit_message="Add the base"
            ),
        )
