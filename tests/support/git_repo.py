"""Tiny git repositories of releases, made in a test's own folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from git import Actor, Repo

ADA = Actor("Ada", "ada@example.org")
MANIFEST = "base: acme/tiny\npublish: {org: me}\n"


@dataclasses.dataclass
class Releases:
    """A repository with a working folder. Every commit is Ada's."""

    folder: Path

    def __post_init__(self) -> None:
        Repo.init(self.folder, initial_branch="main").close()
        with self.repo as repo, repo.config_writer() as config:
            config.set_value("user", "name", ADA.name).set_value("user", "email", ADA.email)

    @property
    def repo(self) -> Repo:
        return Repo(self.folder)

    def commit(self, **files: str) -> str:
        """Write the files (``__`` in a name is ``/``) and commit them; returns the commit."""
        return self.commit_files({name.replace("__", "/"): text for name, text in files.items()})

    def commit_files(self, files: dict[str, str]) -> str:
        for path, text in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.encode())
        with self.repo as repo:
            repo.index.add(list(files))
            return repo.index.commit("change", author=ADA, committer=ADA).hexsha

    def tag(self, name: str, *, lightweight: bool = False) -> None:
        with self.repo as repo:
            repo.create_tag(name, message=None if lightweight else f"{name}, annotated")

    def signed_tag(self, name: str, block: str) -> None:
        """A tag object that carries a signature block, as ``git tag -s`` would append it."""
        with self.repo as repo:
            text = (
                f"object {repo.head.commit.hexsha}\ntype commit\ntag {name}\n"
                f"tagger Ada <ada@example.org> 1700000000 +0000\n\n{name}\n{block}\n"
            )
            raw = self.folder / ".git" / "tag.txt"
            raw.write_text(text)
            made = repo.git.hash_object("-t", "tag", "-w", str(raw))
            repo.git.update_ref(f"refs/tags/{name}", made)


def manifest(base: str = "acme/tiny", **fields: str) -> str:
    """A manifest's text with further top-level fields."""
    more = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return f"base: {base}\npublish: {{org: me}}\n{more}"
