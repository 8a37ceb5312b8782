"""Stands for ``python -m pip`` in a workflow: the environment of the tests is what it installs.

Every requirement must be met by that environment, at the very version if one is
named; anything else fails as pip would. The commands are written down.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path


def main(arguments: list[str]) -> int:
    """``install [options] REQUIREMENT...``; the exit code."""
    with Path(os.environ["SATISFIED_PIP_LOG"]).open("a", encoding="utf-8") as log:
        log.write(" ".join(arguments) + "\n")
    if arguments[:1] != ["install"]:
        print(f"not understood: {arguments}", file=sys.stderr)
        return 2
    wanted, rest = [], iter(arguments[1:])
    for one in rest:
        if one == "-r":
            wanted += [line for line in Path(next(rest)).read_text().splitlines() if line.strip()]
        elif not one.startswith("-"):
            wanted.append(one)
    missing = [one for one in wanted if not _is_met(one)]
    if missing or not wanted:
        print(f"ERROR: not in this environment: {missing or arguments}", file=sys.stderr)
        return 1
    return 0


def _is_met(requirement: str) -> bool:
    project = Path(requirement) / "pyproject.toml"
    if project.is_file():
        name = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["name"]
        return bool(metadata.version(name))
    match = re.fullmatch(r"([\w.-]+)==([\w.]+)", requirement)
    return match is not None and metadata.version(match[1]) == match[2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
