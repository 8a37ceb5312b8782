"""Who a token belongs to, and what it may."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from hubtool.errors import NoWritePermission

WRITING_ROLES = frozenset({"contributor", "write", "admin"})


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who the token belongs to. ``any_org``: a local Hub where every organisation is open."""

    name: str
    orgs: dict[str, str]  # organisation -> role in it
    token_role: str
    any_org: bool

    @classmethod
    def of_answer(cls, answer: Mapping[str, Any]) -> Self:
        """The identity in the Hub's answer to ``whoami``."""
        token = answer.get("auth", {}).get("accessToken", {})
        return cls(
            name=answer["name"],
            orgs={org["name"]: org.get("roleInOrg", "") for org in answer.get("orgs", [])},
            token_role=token.get("role", ""),
            any_org=answer.get("openNamespaces") is True,
        )

    def owns(self, org: str) -> bool:
        """Whether everything of ``org`` is this user's own."""
        return org == self.name or self.any_org

    def require_role(self, org: str) -> None:
        """Raise NoWritePermission unless the token may write to some repo of ``org``."""
        if self.token_role == "read":
            raise NoWritePermission(
                f"the token of {self.name} may only read", "make a token with the role write"
            )
        role = self.orgs.get(org)
        if not self.owns(org) and role not in WRITING_ROLES:
            standing = f"role {role}" if role else "not a member"
            raise NoWritePermission(
                f"{self.name} may not write to {org} ({standing})",
                f"ask an admin of {org} for the role write, or choose another --org",
            )
