"""What is told of users and their keys."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from services.ingest.access.callers import Role

KeyScope = Literal["read", "write", "admin"]
"""What an API key may be good for. None is good for the account itself."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can log in."""

    id: str
    email: str
    role: Role
    enabled: bool
    created_at: datetime
    last_login_at: datetime | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a user's, without what proves it."""

    id: str
    owner: str
    name: str
    prefix: str
    scopes: tuple[KeyScope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a refresh gives: secrets that are told once."""

    access_token: str
    """For `Authorization: Bearer ...`."""
    expires_in: int
    """Seconds that the access token is good."""
    refresh_token: str
    refresh_expires_in: int
    """Seconds until which it has to be exchanged, once, for the next login."""
