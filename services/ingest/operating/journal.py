"""Reading the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from services.ingest.access.tables import audit
from services.ingest.database import Database


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, when, to what."""

    id: int
    at: datetime
    actor: str
    """A user's id; `local` on a machine without logins."""
    means: str
    """How they proved who they are: `machine`, `token`, `key`, `link`, `nobody`."""
    address: str
    """From which they came."""
    action: str
    """As in `user.disabled`."""
    subject: str
    """The id of what it was done to."""
    detail: dict[str, Any]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted; "" and None: any."""

    actor: str = ""
    subject: str = ""
    action: str = ""
    """Or the noun before its dot."""
    since: datetime | None = None
    until: datetime | None = None


async def lines(database: Database, asked: Asked, *, limit: int, before: int | None) -> list[Line]:
    """The newest first; `before` is the last id of the page before. Raises Retryable("ledger_unavailable")."""
    c = audit.c
    query = sa.select(*(c[name] for name in Line.__struct_fields__)).order_by(c.id.desc()).limit(limit)
    if asked.actor:
        query = query.where(c.actor == asked.actor)
    if asked.subject:
        query = query.where(c.subject == asked.subject)
    if asked.action:
        query = query.where((c.action == asked.action) | c.action.startswith(f"{asked.action}.", autoescape=True))
    if asked.since is not None:
        query = query.where(c.at >= asked.since)
    if asked.until is not None:
        query = query.where(c.at < asked.until)
    if before is not None:
        query = query.where(c.id < before)
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings()
        return [Line(**{**row, "detail": msgspec.json.decode(row["detail"], type=dict[str, Any])}) for row in rows]
