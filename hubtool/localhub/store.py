"""The local Hub's content: one folder with a database and blobs, usable without a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from hubtool.errors import PathNotFound
from hubtool.localhub.accounts import Accounts, OrgRole, TokenRole
from hubtool.localhub.blobs import BlobStore
from hubtool.localhub.collections import Collections
from hubtool.localhub.database import Database
from hubtool.localhub.discussions import Discussions
from hubtool.localhub.history import MAIN, History
from hubtool.localhub.refusal import RootBusy, no_entry
from hubtool.localhub.repositories import Repo, Repositories, split_id
from hubtool.localhub.trees import (
    DEFAULT_GITATTRIBUTES,
    SAMPLE_BYTES,
    Delete,
    Entry,
    Operation,
    Put,
    large,
    lfs_rule,
    needs_lfs,
    regular,
)
from hubtool.localhub.uploads import Uploads

DEFAULT_USER = "local"
GITATTRIBUTES = ".gitattributes"
SKIPPED_FOLDERS = (".git", ".cache")


class Store:
    """Everything under one root. One process at a time; ``with`` or :meth:`close` lets it go.

    Raises RootBusy if another process uses the root. What a killed
    server left unfinished is dropped.
    """

    def __init__(self, root: Path, *, open_namespaces: bool = True) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FileLock(root / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RootBusy(
                f"{root}: another process uses this folder as its local Hub",
                "stop that process, use its address with --hub URL, or choose another --root",
            ) from error
        self._database = Database(root / "hub.sqlite")
        self.blobs = BlobStore(root)
        self.accounts = Accounts(self._database, open_namespaces=open_namespaces)
        self.repos = Repositories(self._database)
        self.history = History(self._database, self.blobs)
        self.discussions = Discussions(self._database, self.history)
        self.collections = Collections(self._database)
        self.uploads = Uploads(self.blobs)
        self.transaction = self._database.transaction

    def close(self) -> None:
        """Let the root go."""
        self._database.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- seeding -----------------------------------------------------------

    def create_user(self, name: str, *, token_role: TokenRole = "write") -> str:
        """A user and a new token of theirs."""
        return self.accounts.create_user(name, token_role=token_role)

    def create_org(self, name: str, members: dict[str, OrgRole] | None = None) -> None:
        """An organisation, with the roles of users that exist."""
        self.accounts.create_org(name, members)

    def mint_token(self, user: str, role: TokenRole = "write") -> str:
        """Another token of a user."""
        return self.accounts.mint_token(user, role)

    def create_repo(
        self,
        repo_id: str,
        creator: str = DEFAULT_USER,
        *,
        repo_type: str = "model",
        gated: str = "",
        private: bool = False,
    ) -> Repo:
        """A new repo with its first commit, which holds ``.gitattributes``."""
        with self.transaction():
            if self.accounts.kind(split_id(repo_id)[0]) is None:
                self.create_org(split_id(repo_id)[0])
            repo = self.repos.create(repo_id, creator, type=repo_type, private=private, gated=gated)
            content = DEFAULT_GITATTRIBUTES.encode()
            entry = regular(GITATTRIBUTES, self.blobs.add_bytes(content), content)
            self.history.add(repo, MAIN, [Put(entry)], title="initial commit", author=creator)
        return repo

    def seed_repo(
        self,
        repo_id: str,
        folder: Path,
        *,
        repo_type: str = "model",
        gated: str = "",
        private: bool = False,
        message: str = "Add files",
        author: str = DEFAULT_USER,
        replace: bool = False,
    ) -> str:
        """Put a folder into a repo as one commit; returns the commit.

        The repo is created if need be. Large files are hard-linked. Nothing is
        committed if all files are there already. ``replace`` also deletes what
        the folder does not hold; ``private`` and ``gated`` are set, never unset.
        Raises PathNotFound if ``folder`` is no folder.
        """
        if not folder.is_dir():
            raise PathNotFound(f"{folder} is not a folder", "name a folder with the repo's files")
        if self.accounts.kind(author) is None:
            self.create_user(author)
        with self.transaction():
            repo = self.repos.find(repo_id, repo_type) or self.create_repo(
                repo_id, author, repo_type=repo_type
            )
            if private or gated:
                repo = self.repos.update(repo, private=private or None, gated=gated or None)
            head = self.history.resolve(repo, "main")
            before = self.history.tree(repo, head)
            operations = self._operations(folder, before, replace=replace)
            if not operations:
                return head
            return self.history.add(repo, MAIN, operations, title=message, author=author)

    def _operations(
        self, folder: Path, before: dict[str, Entry], *, replace: bool
    ) -> list[Operation]:
        marked = lfs_rule(self._gitattributes(folder, before))
        entries = [
            self._entry(file, file.relative_to(folder).as_posix(), marked)
            for file in sorted(folder.rglob("*"))
            if file.is_file() and file.relative_to(folder).parts[0] not in SKIPPED_FOLDERS
        ]
        operations: list[Operation] = [
            Put(entry) for entry in entries if before.get(entry.path) != entry
        ]
        if replace:
            kept = {entry.path for entry in entries} | {GITATTRIBUTES}
            operations += [Delete(path) for path in before if path not in kept]
        return operations

    def _gitattributes(self, folder: Path, before: dict[str, Entry]) -> str:
        if (folder / GITATTRIBUTES).is_file():
            return (folder / GITATTRIBUTES).read_text(encoding="utf-8")
        entry = before.get(GITATTRIBUTES)
        return self.blobs.read(entry.sha256).decode() if entry else ""

    def _entry(self, file: Path, path: str, marked: Callable[[str], bool]) -> Entry:
        with file.open("rb") as stream:
            sample = stream.read(SAMPLE_BYTES)
        size = file.stat().st_size
        if needs_lfs(size, sample, marked(path)):
            return large(path, *self.blobs.add_file(file))
        content = file.read_bytes()  # a regular file: below 10 MiB
        return regular(path, self.blobs.add_bytes(content), content)

    def duplicate(self, source: Repo, target_id: str, creator: str, *, private: bool) -> Repo:
        """A new repo that holds the files of another's main, as one commit; blobs are shared."""
        with self.transaction():
            target = self.repos.create(target_id, creator, type=source.type, private=private)
            tree = self.history.tree(source, self.history.resolve(source, "main"))
            title = f"Duplicate from {source.full_id}"
            self.history.write(target, MAIN, tree, parent=None, title=title, author=creator)
        return target

    # --- reading -----------------------------------------------------------

    def head(self, repo_id: str, *, repo_type: str = "model") -> str | None:
        """The commit of ``main``; None if the repo does not exist."""
        repo = self.repos.find(repo_id, repo_type)
        return self.history.find(repo, "main") if repo else None

    def tree(
        self, repo_id: str, revision: str = "main", *, repo_type: str = "model"
    ) -> dict[str, Entry]:
        """Path -> file of a revision, in path order."""
        repo = self.repos.get(repo_id, repo_type)
        return self.history.tree(repo, self.history.resolve(repo, revision))

    def read(self, repo_id: str, revision: str, path: str, *, repo_type: str = "model") -> bytes:
        """The whole content of a file, LFS or not."""
        repo = self.repos.get(repo_id, repo_type)
        commit = self.history.resolve(repo, revision)
        entry = self.history.tree(repo, commit).get(path)
        if entry is None:
            raise no_entry(path, commit)
        return self.blobs.read(entry.sha256)
