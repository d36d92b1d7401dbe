"""Who is behind a request, and what they may do. Values only."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["user", "operator"]
Means = Literal["machine", "token", "key", "link", "nobody"]
"""How somebody proved who they are: by being on this machine, a login, an API key, a signed address, not at all."""
Scope = Literal["read", "write", "account", "admin"]
"""What a request needs: to look, to order and change, to change the account itself, to run the installation."""

LOCAL = "local"
"""The one user of a machine without logins."""

ALL_SCOPES: frozenset[Scope] = frozenset({"read", "write", "account", "admin"})


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who asks."""

    owner: str
    """The user's id: what they make is theirs. Of a signed address the owner of what it leads to; "": nobody."""
    role: Role = "user"
    means: Means
    scopes: frozenset[Scope] = frozenset()
    key_id: str = ""
    """The API key that was used."""
    session_id: str = ""
    """The login that was used."""
    address: str = ""
    """The network address that the request came from, for limits and the audit log."""

    @property
    def is_operator(self) -> bool:
        """Whether they run this installation."""
        return self.role == "operator"


MACHINE = Caller(owner=LOCAL, role="operator", means="machine", scopes=ALL_SCOPES)
"""Whoever sits at a machine without logins."""

NOBODY = Caller(owner="", means="nobody")
