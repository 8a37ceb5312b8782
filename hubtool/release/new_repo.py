"""A new repository for releases: what ``hubtool init`` lays down."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from hubtool import __version__
from hubtool.card.templates import templates_folder
from hubtool.errors import ManifestInvalid
from hubtool.records import write_whole

NAME = "SmolLM2-135M-Instruct"  # the example's
ACTION = "actions/release/action.yml"
OWN_VERSION = '    default: "" # hubtool init writes its own version here'
# shipped file -> where it goes
FILES = {
    "repository/README.md": "README.md",
    "repository/gitignore": ".gitignore",
    "repository/releases/example.yaml": f"releases/{NAME}.yaml",
    "repository/scores/example.json": f"scores/{NAME}.json",
    "workflows/release.yml": ".github/workflows/release.yml",
    "workflows/recard.yml": ".github/workflows/recard.yml",
    "workflows/ci.yml": ".github/workflows/ci.yml",
    ACTION: f".github/{ACTION}",
}
_ORG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclasses.dataclass(frozen=True)
class NewFile:
    """A file of the new repository; ``written`` is False where one was there and stays."""

    path: str
    written: bool


def new_repository(folder: Path, org: str) -> tuple[NewFile, ...]:
    """Write the files, leaving those that are there, and make ``folder`` a git repository.

    Nothing is committed. Raises ManifestInvalid for an organisation that cannot be one, and
    GitUnusable without git.
    """
    if not _ORG.fullmatch(org):
        raise ManifestInvalid(f"--org {org!r} is no name on the Hub", "letters, digits, - _ .")
    folder.mkdir(parents=True, exist_ok=True)
    _start_git(folder)
    found = []
    for source, path in FILES.items():
        target = folder / path
        written = not target.exists()
        if written:
            write_whole(target, _filled(_shipped(source), org))
        found.append(NewFile(path, written))
    return tuple(found)


def _shipped(source: str) -> str:
    """The text of a shipped file. In a checkout the action is that of hubtool's own repository."""
    file = templates_folder() / source
    if source == ACTION and not file.is_file():
        file = templates_folder().parent / ".github" / ACTION
    return file.read_text(encoding="utf-8")


def _filled(text: str, org: str) -> str:
    places = {"@HUBTOOL@": f"hubtool=={__version__}", "@ORG@": org, "@NAME@": NAME}
    for place, value in places.items():
        text = text.replace(place, value)
    return text.replace(OWN_VERSION, f'    default: "{__version__}"')


def _start_git(folder: Path) -> None:
    from hubtool.errors import GitUnusable
    from hubtool.release.git_tag import open_repo

    try:
        with open_repo(folder) as repo:
            top = Path(repo.working_tree_dir or folder).resolve()
        if top != folder.resolve():
            raise ManifestInvalid(
                f"{folder} lies inside the git repository {top}, where its workflows would not run",
                f"run `hubtool init {top}`, or choose a folder outside of it",
            )
    except GitUnusable:
        from git import GitCommandNotFound, Repo

        try:
            Repo.init(folder, initial_branch="main").close()
        except GitCommandNotFound as error:
            raise GitUnusable("there is no git program here", "install git") from error
