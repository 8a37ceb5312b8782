"""Users, organisations, tokens, and who may do what."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from typing import Literal

from hubtool.localhub.database import Database
from hubtool.localhub.oidc import Publisher
from hubtool.localhub.refusal import GATED, Refusal, no_repo
from hubtool.localhub.repositories import RESERVED, Repo, require_name

OrgRole = Literal["no_access", "read", "contributor", "write", "admin"]
TokenRole = Literal["read", "write"]

ORG_ROLES: tuple[OrgRole, ...] = ("no_access", "read", "contributor", "write", "admin")


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who sends a request: ``user`` is None for an anonymous one.

    ``only_repo`` is the id of the one repo that a trusted publisher's token may write to.
    """

    user: str | None
    token_role: str
    only_repo: int | None = None


ANONYMOUS = Caller(None, "read")


class Accounts:
    """Accounts and permissions.

    With ``open_namespaces`` every user is admin of every organisation, and an
    organisation comes into being when a user first creates a repo in it.
    """

    def __init__(self, database: Database, *, open_namespaces: bool = True) -> None:
        self._database = database
        self.open_namespaces = open_namespaces

    # --- seeding -----------------------------------------------------------

    def create_user(self, name: str, *, token_role: TokenRole = "write") -> str:
        """Create a user if need be, and return a new token of theirs."""
        self._create(name, "user")
        return self.mint_token(name, token_role)

    def create_org(self, name: str, members: dict[str, OrgRole] | None = None) -> None:
        """Create an organisation if need be, and set the roles of its ``members``."""
        with self._database.transaction():
            self._create(name, "org")
            for user, role in (members or {}).items():
                self._database.run(
                    "INSERT OR REPLACE INTO members VALUES (?, ?, ?)", name, user, role
                )

    def mint_token(self, user: str, role: TokenRole = "write") -> str:
        """A new token, ``hf_local_...``, for an existing user."""
        token = "hf_local_" + secrets.token_hex(16)
        self._database.run("INSERT INTO tokens VALUES (?, ?, ?)", token, user, role)
        return token

    def token_of(self, user: str) -> str:
        """A write token of the user: the one that exists, else a new one."""
        row = self._database.row(
            "SELECT token FROM tokens WHERE user = ? AND role = 'write' ORDER BY rowid", user
        )
        return str(row["token"]) if row else self.create_user(user)

    def grant(self, repo: Repo, user: str) -> None:
        """Let a user read the files of a gated repo."""
        self._database.run("INSERT OR IGNORE INTO grants VALUES (?, ?)", repo.id, user)

    def _create(self, name: str, kind: str) -> None:
        require_name(name)
        if name in RESERVED:
            raise Refusal(400, f"{name} is reserved and cannot be a namespace")
        row = self._database.row("SELECT kind FROM accounts WHERE name = ?", name)
        if row is None:
            self._database.run("INSERT INTO accounts VALUES (?, ?, ?)", name, kind, name)
        elif row["kind"] != kind:
            raise Refusal(409, f"{name} exists already and is not of kind {kind}")

    # --- questions ---------------------------------------------------------

    def kind(self, name: str) -> str | None:
        """``user``, ``org``, or None when there is no such namespace."""
        row = self._database.row("SELECT kind FROM accounts WHERE name = ?", name)
        return str(row["kind"]) if row else None

    def identify(self, token: str) -> Caller | None:
        """Whose token it is; None for an unknown one."""
        row = self._database.row("SELECT user, role FROM tokens WHERE token = ?", token)
        if row:
            return Caller(row["user"], row["role"])
        short = self._database.row(
            "SELECT user, repo FROM short_tokens WHERE token = ? AND expires > ?",
            token,
            time.time(),
        )
        return Caller(short["user"], "write", short["repo"]) if short else None

    # --- trusted publishers --------------------------------------------------

    def trust(self, repo: Repo, publisher: Publisher, *, by: str) -> None:
        """Let a CI workflow with these claims publish to the repo, in the name of ``by``."""
        claims = json.dumps(publisher.claims, sort_keys=True)
        self._database.run(
            "INSERT OR REPLACE INTO publishers VALUES (?, ?, ?, ?)",
            repo.id,
            publisher.issuer,
            claims,
            by,
        )

    def publishers_of(self, repo: Repo) -> list[tuple[Publisher, str]]:
        """Who may publish to the repo without a stored token, and in whose name."""
        rows = self._database.rows("SELECT * FROM publishers WHERE repo = ?", repo.id)
        return [
            (Publisher(row["issuer"], json.loads(row["claims"])), str(row["user"])) for row in rows
        ]

    def mint_short_token(self, repo: Repo, user: str, seconds: float) -> str:
        """A token, ``hf_jwt_...``, that may write to this one repo for so many seconds."""
        token = f"hf_jwt_{secrets.token_urlsafe(12)}.{secrets.token_urlsafe(24)}"
        self._database.run(
            "INSERT INTO short_tokens VALUES (?, ?, ?, ?)",
            token,
            user,
            time.time() + seconds,
            repo.id,
        )
        return token

    def orgs_of(self, user: str) -> list[tuple[str, str]]:
        """Organisations of a user with the user's role in each, by name."""
        if self.open_namespaces:
            rows = self._database.rows("SELECT name FROM accounts WHERE kind = 'org' ORDER BY name")
            return [(row["name"], "admin") for row in rows]
        rows = self._database.rows(
            "SELECT org, role FROM members WHERE user = ? ORDER BY org", user
        )
        return [(row["org"], row["role"]) for row in rows]

    def members_of(self, org: str) -> list[tuple[str, str]]:
        """Users of an organisation with their roles, by name."""
        rows = self._database.rows(
            "SELECT user, role FROM members WHERE org = ? ORDER BY user", org
        )
        return [(row["user"], row["role"]) for row in rows]

    def role(self, caller: Caller, namespace: str) -> str:
        """The caller's role in a namespace; ``no_access`` for a stranger."""
        if caller.user is None:
            return "no_access"
        if caller.user == namespace:
            return "admin"
        if self.open_namespaces and self.kind(namespace) != "user":
            return "admin"
        row = self._database.row(
            "SELECT role FROM members WHERE org = ? AND user = ?", namespace, caller.user
        )
        return str(row["role"]) if row else "no_access"

    # --- demands: each raises the Refusal that the real Hub answers with ----

    def require_user(self, caller: Caller) -> str:
        """The caller's name; 401 for an anonymous caller."""
        if caller.user is None:
            raise Refusal(401, "Invalid username or password.")
        return caller.user

    def may_see(self, caller: Caller, repo: Repo) -> bool:
        """Whether the repo exists as far as this caller can tell."""
        return not repo.private or self.role(caller, repo.namespace) != "no_access"

    def require_sight(self, caller: Caller, repo: Repo) -> None:
        """404 for a private repo of somebody else."""
        if not self.may_see(caller, repo):
            raise no_repo(repo.full_id)

    def require_files(self, caller: Caller, repo: Repo) -> None:
        """404 or, for a gated repo without a grant, 401 and 403."""
        self.require_sight(caller, repo)
        if not repo.gated or self.role(caller, repo.namespace) != "no_access":
            return
        if caller.user is None:
            message = f"Access to {repo.full_id} is restricted. You must be authenticated."
            raise Refusal(401, message, GATED)
        granted = self._database.row(
            "SELECT 1 FROM grants WHERE repo = ? AND user = ?", repo.id, caller.user
        )
        if granted is None:
            message = (
                f"Access to {repo.full_id} is restricted and you are not in the authorized list."
            )
            raise Refusal(403, message, GATED)

    def require_write(self, caller: Caller, repo: Repo) -> None:
        """401, 403 or 404 unless the caller may commit to the repo."""
        self.require_sight(caller, repo)
        user = self._require_write_token(caller)
        if caller.only_repo is not None:
            if caller.only_repo == repo.id:
                return
            raise Refusal(403, f"this token may write to one repo, which is not {repo.full_id}")
        role = self.role(caller, repo.namespace)
        if role in ("write", "admin") or (role == "contributor" and repo.creator == user):
            return
        raise Refusal(403, f"{user} has no right to write to {repo.full_id}")

    def require_admin(self, caller: Caller, repo: Repo) -> None:
        """401, 403 or 404 unless the caller may change settings, move or delete the repo."""
        self.require_sight(caller, repo)
        user = self._require_write_token(caller)
        self._require_whole(caller)
        role = self.role(caller, repo.namespace)
        if role == "admin" or (role in ("write", "contributor") and repo.creator == user):
            return
        raise Refusal(403, f"{user} has no right to administer {repo.full_id}")

    def require_namespace(self, caller: Caller, namespace: str) -> str:
        """The caller's name if repos may be created in the namespace, else 401 or 403.

        Creates the organisation when namespaces are open and it is new.
        """
        user = self._require_write_token(caller)
        self._require_whole(caller)
        if self.open_namespaces and self.kind(namespace) is None:
            self.create_org(namespace, {user: "admin"})
        if self.role(caller, namespace) not in ("contributor", "write", "admin"):
            message = (
                "You don't have the rights to create a repo or a collection under the namespace "
                f'"{namespace}"'
            )
            raise Refusal(403, message)
        return user

    def _require_write_token(self, caller: Caller) -> str:
        user = self.require_user(caller)
        if caller.token_role != "write":
            raise Refusal(403, f"the token of {user} may only read")
        return user

    def _require_whole(self, caller: Caller) -> None:
        if caller.only_repo is not None:
            raise Refusal(403, "a trusted publisher's token may commit to its repo and no more")
