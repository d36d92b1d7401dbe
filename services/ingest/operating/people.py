"""Users as operators see them: accounts, and what each may spend in a month."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from libs.money.amounts import Micros, amount_of
from services.ingest.access.callers import Caller, Role
from services.ingest.accounts.accounts import Accounts
from services.ingest.accounts.records import User
from services.ingest.database import Database
from services.ingest.money.budgets import USER
from services.ingest.money.tables import budgets

MADE_UP_BYTES = 15


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """A user."""

    id: str
    email: str
    role: Role
    enabled: bool
    created_at: datetime
    last_login_at: datetime | None
    month_cap: float | UnsetType | None = UNSET
    """What they may spend in a month, where an operator has said so; null: as much as they like."""


class MadeUser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody new."""

    user: UserView
    password: str | None
    """Where it was made up here: it is told once."""


class People:
    """Raises `Retryable("ledger_unavailable")`."""

    def __init__(self, database: Database, accounts: Accounts, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    async def page(self, *, limit: int, before: str) -> list[UserView]:
        """The newest first; `before` is the last id of the page before."""
        return await self._views(await self._accounts.users(limit=limit, before=before))

    async def get(self, user_id: str) -> UserView:
        """One of them. Raises Permanent("user_not_found")."""
        (view,) = await self._views([await self._accounts.user(user_id)])
        return view

    async def create(self, by: Caller, email: str, password: str, role: Role) -> MadeUser:
        """Make one. password: "" to have one made up. Raises Permanent: bad_email, weak_password, email_taken."""
        made_up = "" if password else secrets.token_urlsafe(MADE_UP_BYTES)
        user = await self._accounts.create_user(by, email, password or made_up, role)
        return MadeUser(user=(await self._views([user]))[0], password=made_up or None)

    async def change(self, by: Caller, user_id: str, *, enabled: bool | None, role: Role | None) -> None:
        """Switch somebody off, which logs them out and stops their keys, or on; or give them another role.

        Raises Permanent: user_not_found, last_operator.
        """
        await self._accounts.change_user(by, user_id, enabled=enabled, role=role)

    async def end_sessions(self, by: Caller, user_id: str) -> None:
        """Log somebody out everywhere. Raises Permanent("user_not_found")."""
        await self._accounts.end_sessions(by, user_id)

    async def _views(self, users: Sequence[User]) -> list[UserView]:
        b = budgets.c
        query = sa.select(b.subject, b.cap).where(b.scope == USER, b.subject.in_([user.id for user in users]))
        async with self._database.read() as connection:
            caps: dict[str, Micros | None] = {row.subject: row.cap for row in await connection.execute(query)}
        return [_view(user, caps.get(user.id, UNSET)) for user in users]


def _view(user: User, cap: Micros | UnsetType | None) -> UserView:
    told = amount_of(cap) if isinstance(cap, int) else cap
    return UserView(**msgspec.structs.asdict(user), month_cap=told)
