"""Rows of users: found, made, switched off."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller, Role
from services.ingest.accounts.records import User
from services.ingest.accounts.tables import sessions, users
from services.ingest.database import Database
from services.ingest.ids import new_id

OPERATOR: Role = "operator"

LONGEST_EMAIL = 254

_SHOWN = [users.c[name] for name in User.__struct_fields__]
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")


def email_of(text: str) -> str:
    """An e-mail address as it is kept: in lower case. Raises Permanent("bad_email")."""
    email = text.strip().lower()
    if not is_email(email):
        raise Permanent("bad_email")
    return email


def is_email(text: str) -> bool:
    """Whether an address is of the form that is kept."""
    return len(text) <= LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


async def add_user(database: Database, connection: AsyncConnection, by: Caller, user: User, password: str) -> None:
    """Insert one. password: its hash. Raises Permanent("email_taken")."""
    row = {name: getattr(user, name) for name in User.__struct_fields__} | {"password": password}
    if not await database.insert_new(connection, users, [row]):
        raise Permanent("email_taken")
    await note(connection, by, "user.created", user.id, user.created_at, role=user.role)


def new_user(email: str, role: Role, now: datetime) -> User:
    """Somebody new, whose address has been checked."""
    return User(id=new_id(), email=email, role=role, enabled=True, created_at=now)


async def read_user(connection: AsyncConnection, user_id: str, *, lock: bool = False) -> User:
    """One by id. Raises Permanent("user_not_found")."""
    query = sa.select(*_SHOWN).where(users.c.id == user_id)
    if lock:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise Permanent("user_not_found")
    return User(**row)


async def list_users(connection: AsyncConnection, *, limit: int, before: str = "") -> list[User]:
    """The newest first; `before` is the last id of the page before."""
    query = sa.select(*_SHOWN).order_by(users.c.id.desc()).limit(limit)
    if before:
        query = query.where(users.c.id < before)
    return [User(**row) for row in (await connection.execute(query)).mappings()]


async def count_operators(connection: AsyncConnection) -> int:
    """How many operators can log in."""
    c = users.c
    query = sa.select(sa.func.count()).select_from(users).where(c.role == OPERATOR, c.enabled.is_(True))
    count: int = (await connection.execute(query)).scalar_one()
    return count


async def change_user(
    connection: AsyncConnection,
    by: Caller,
    user_id: str,
    now: datetime,
    *,
    enabled: bool | None = None,
    role: Role | None = None,
) -> User:
    """Switch somebody off or on, or give them another role. Whoever is switched off is logged out.

    Raises Permanent: user_not_found; last_operator, when nobody would run the installation any more.
    """
    await _lock_operators(connection)
    old = await read_user(connection, user_id, lock=True)
    changes: dict[str, Any] = {}
    if enabled is not None and enabled != old.enabled:
        changes["enabled"] = enabled
        await note(connection, by, "user.enabled" if enabled else "user.disabled", user_id, now)
    if role is not None and role != old.role:
        changes["role"] = role
        await note(connection, by, "user.role_changed", user_id, now, role=role)
    if not changes:
        return old
    await connection.execute(sa.update(users).where(users.c.id == user_id).values(**changes))
    if old.role == OPERATOR and not await count_operators(connection):
        raise Permanent("last_operator")
    if enabled is False:
        await connection.execute(sa.delete(sessions).where(sessions.c.owner == user_id))
    return await read_user(connection, user_id)


async def end_sessions(connection: AsyncConnection, by: Caller, user_id: str, now: datetime) -> None:
    """Log somebody out everywhere. Raises Permanent("user_not_found")."""
    await read_user(connection, user_id)
    await connection.execute(sa.delete(sessions).where(sessions.c.owner == user_id))
    await note(connection, by, "sessions.closed", user_id, now)


async def _lock_operators(connection: AsyncConnection) -> None:
    """So that of two operators who switch off each other one remains."""
    query = sa.select(users.c.id).where(users.c.role == OPERATOR).order_by(users.c.id).with_for_update()
    await connection.execute(query)
